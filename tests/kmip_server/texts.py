# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Wrapped DEKs by their descriptions alone (ceph-csi-compat 6.8, docs/disk-formats.md), by Python's
cryptography: nothing of the driver's code, and no KMIP server."""
import base64
import json

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BLOCK_BITS = 128
TAG_BYTES = 16


def fields_of(text, *names):
    """The decoded fields of a text that has these and no others, as compact JSON."""
    fields = json.loads(text)
    assert json.dumps(fields, separators=(",", ":")) == text, f"not Go's compact JSON: {text}"
    assert list(fields) == list(names), text
    return fields


def decoded(text, *names):
    return [base64.b64decode(value, validate=True)
            for value in fields_of(text, *names).values()]


def unwrap_cbc(text, kek):
    """ceph-csi's Encrypt: AES-CBC with PKCS#5 padding."""
    dek, nonce = decoded(text, "dek", "nonce")
    assert len(nonce) == 16 and len(dek) % 16 == 0, text
    decryptor = Cipher(algorithms.AES(kek), modes.CBC(nonce)).decryptor()
    unpadder = padding.PKCS7(BLOCK_BITS).unpadder()
    return unpadder.update(decryptor.update(dek) + decryptor.finalize()) + unpadder.finalize()


def wrap_cbc(dek, kek, nonce):
    """What ceph-csi stores for a DEK."""
    padder = padding.PKCS7(BLOCK_BITS).padder()
    encryptor = Cipher(algorithms.AES(kek), modes.CBC(nonce)).encryptor()
    wrapped = encryptor.update(padder.update(dek) + padder.finalize()) + encryptor.finalize()
    return text_of(wrapped, nonce)


def unwrap_local(text, kek):
    """ceph-csi without the operation Encrypt: AES-GCM, nothing bound."""
    dek, nonce = decoded(text, "dek", "nonce")
    assert len(nonce) == 12, text
    return AESGCM(kek).decrypt(nonce, dek, None)


def wrap_local(dek, kek, nonce):
    return text_of(AESGCM(kek).encrypt(nonce, dek, None), nonce)


def text_of(dek, nonce):
    return json.dumps({"dek": base64.b64encode(dek).decode(),
                       "nonce": base64.b64encode(nonce).decode()}, separators=(",", ":"))
