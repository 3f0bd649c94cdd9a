# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Unwraps DEKs from what the driver stored, by OpenSSL's libcrypto and the formats' descriptions
alone: nothing of the driver's code."""
import base64
import ctypes
import ctypes.util
import hashlib
import json
import re

CRYPTO = ctypes.CDLL(ctypes.util.find_library("crypto"))
CRYPTO.EVP_CIPHER_CTX_new.restype = ctypes.c_void_p
CRYPTO.EVP_aes_256_gcm.restype = ctypes.c_void_p
GET_TAG_LENGTH = 16
EVP_CTRL_AEAD_SET_TAG = 0x11

DEK_KEY = "rbd.csi.ceph.com/dek"


class WrongKey(Exception):
    """The tag does not fit."""


def aes_256_gcm_open(key, nonce, sealed, associated=b""):
    """Plaintext of a ciphertext that ends with its 16-byte tag."""
    body, tag = sealed[:-GET_TAG_LENGTH], sealed[-GET_TAG_LENGTH:]
    context = ctypes.c_void_p(CRYPTO.EVP_CIPHER_CTX_new())
    try:
        plain, length = ctypes.create_string_buffer(len(body) + 16), ctypes.c_int()
        cipher = ctypes.c_void_p(CRYPTO.EVP_aes_256_gcm())
        assert len(key) == 32 and len(nonce) == 12
        assert CRYPTO.EVP_DecryptInit_ex(context, cipher, None, key, nonce) == 1
        if associated:
            assert CRYPTO.EVP_DecryptUpdate(context, None, ctypes.byref(length), associated,
                                            len(associated)) == 1
        assert CRYPTO.EVP_DecryptUpdate(context, plain, ctypes.byref(length), body, len(body)) == 1
        assert CRYPTO.EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, len(tag), tag) == 1
        rest = ctypes.c_int()
        if CRYPTO.EVP_DecryptFinal_ex(context, ctypes.byref(plain, length.value),
                                      ctypes.byref(rest)) != 1:
            raise WrongKey
        return plain.raw[:length.value + rest.value]
    finally:
        CRYPTO.EVP_CIPHER_CTX_free(context)


def local_dek(wrapped, ring_text, volume_id):
    """Of the provider "local": kms/local_text.h, kms/local_ring.h."""
    text = json.loads(wrapped)
    keks = {int(m[1]): bytes.fromhex(m[2])
            for m in re.finditer(r"^key (\d+) \d+ \d+ ([0-9a-f]+)$", ring_text, re.MULTILINE)}
    name = f"rbdcrypt-local-{text['format']}"
    associated = "\0".join([name, text["ring"], str(text["key"]), volume_id]).encode()
    return aes_256_gcm_open(keks[text["key"]], base64.b64decode(text["nonce"]),
                            base64.b64decode(text["dek"]), associated)


def metadata_dek(wrapped, passphrase, volume_id):
    """Of the provider "metadata", ceph-csi's: ceph-csi-compat 6.3."""
    text = json.loads(wrapped)
    key = hashlib.scrypt(passphrase.encode(), salt=volume_id.encode(), n=32768, r=8, p=1,
                         dklen=32, maxmem=64 << 20)
    return aes_256_gcm_open(key, base64.b64decode(text["nonce"]), base64.b64decode(text["dek"]))


def dek_of(volume):
    """The LUKS passphrase of a Volume of tests/harness, as bytes."""
    kms_id = volume.parameters["encryptionKMSID"]
    passphrase = volume.secrets.get("encryptionPassphrase")
    if kms_id == "default":
        return passphrase.encode()
    ceph = volume.driver.ceph
    wrapped = ceph.run("rbd", "image-meta", "get", image_spec(volume), DEK_KEY)
    if kms_id == "metadata":
        return metadata_dek(wrapped, passphrase, volume.id)
    return local_dek(wrapped, (volume.driver.folder / "kek-ring").read_text(), volume.id)


def image_spec(volume):
    return f"{volume.parameters['pool']}/{volume.image}"
