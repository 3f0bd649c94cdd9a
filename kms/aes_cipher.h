// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <span>

#include <openssl/evp.h>

#include "base/handle.h"

namespace rbdcrypt::kms {

// What every use of AES through OpenSSL's EVP interface needs: kms/aes_gcm, kmip/aes_cbc.
using CipherContext = CHandle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

enum class AesMode { kCbc, kGcm };

// The cipher for a key of 16, 24 or 32 bytes, which lives as long as the process; null for a key of
// another length.
const EVP_CIPHER* AesCipher(AesMode mode, std::size_t key_bytes);

// Bytes as OpenSSL takes them.
inline unsigned char* Octets(std::byte* bytes) {
  return reinterpret_cast<unsigned char*>(bytes);
}

inline const unsigned char* Octets(std::span<const std::byte> bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace rbdcrypt::kms
