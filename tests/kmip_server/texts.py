# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Wrapped DEKs by their descriptions alone (ceph-csi-compat 6.8, docs/disk-formats.md), by Python's
cryptography: nothing of the driver's code, and no KMIP server."""
import base64
import hashlib
import json

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BLOCK_BITS = 128


def envelope(text):
    """(dek, nonce) of a text of ceph-csi's, which has these fields and no others, as Go writes them."""
    fields = json.loads(text)
    assert json.dumps(fields, separators=(",", ":")) == text and list(fields) == ["dek", "nonce"]
    return [base64.b64decode(value, validate=True) for value in fields.values()]


def decrypt_cbc(key, iv, data):
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    unpadder = padding.PKCS7(BLOCK_BITS).unpadder()
    return unpadder.update(decryptor.update(data) + decryptor.finalize()) + unpadder.finalize()


def unwrap_cbc(text, kek):
    """ceph-csi's by Encrypt: AES-CBC with PKCS#5 padding."""
    dek, nonce = envelope(text)
    assert len(nonce) == 16, text
    return decrypt_cbc(kek, nonce, dek)


def wrap_cbc(dek, kek, nonce):
    """What ceph-csi stores for a DEK."""
    padder = padding.PKCS7(BLOCK_BITS).padder()
    encryptor = Cipher(algorithms.AES(kek), modes.CBC(nonce)).encryptor()
    wrapped = encryptor.update(padder.update(dek) + padder.finalize()) + encryptor.finalize()
    return text_of(wrapped, nonce)


def unwrap_local(text, kek):
    """ceph-csi's without the operation Encrypt: AES-GCM, nothing bound."""
    dek, nonce = envelope(text)
    assert len(nonce) == 12, text
    return AESGCM(kek).decrypt(nonce, dek, None)


def wrap_local(dek, kek, nonce):
    return text_of(AESGCM(kek).encrypt(nonce, dek, None), nonce)


def text_of(dek, nonce):
    return json.dumps({"dek": base64.b64encode(dek).decode(),
                       "nonce": base64.b64encode(nonce).decode()}, separators=(",", ":"))


def unwrap_aead(text, keks, volume_id):
    """Ours: bound to its volume and to the key that it names (docs/disk-formats.md)."""
    outer = json.loads(text)
    assert json.dumps(outer, separators=(",", ":")) == text and list(outer) == ["dek"], text
    fields = outer["dek"]
    expected = ["format", "key", "mode", "nonce", "data", "sum"]
    if fields["mode"] == "cbc":
        expected[3:3] = ["iv", "onetime"]
    assert list(fields) == expected and fields["format"] == 1, text
    before = text[:text.index(',"sum"')]
    assert hashlib.sha256(before.encode()).hexdigest()[:16] == fields["sum"], text
    key = keks[fields["key"]]
    if fields["mode"] == "cbc":
        key = decrypt_cbc(key, *(base64.b64decode(fields[name]) for name in ("iv", "onetime")))
    bound = "\0".join(["rbdcrypt-kmip-1", fields["mode"], fields["key"], volume_id]).encode()
    return AESGCM(key).decrypt(base64.b64decode(fields["nonce"], validate=True),
                               base64.b64decode(fields["data"], validate=True), bound)


def unwrap(wrap, text, keks, key_id, volume_id):
    """The DEK of a text that was wrapped in that way (kmip_world.WRAPS)."""
    if wrap == "cbc":
        return unwrap_cbc(text, keks[key_id])
    if wrap == "local":
        return unwrap_local(text, keks[key_id])
    return unwrap_aead(text, keks, volume_id)
