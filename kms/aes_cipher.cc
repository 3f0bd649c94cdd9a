// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/aes_cipher.h"

namespace rbdcrypt::kms {

const EVP_CIPHER* AesCipher(AesMode mode, std::size_t key_bytes) {
  const bool is_gcm = mode == AesMode::kGcm;
  switch (key_bytes) {
    case 16:
      return is_gcm ? EVP_aes_128_gcm() : EVP_aes_128_cbc();
    case 24:
      return is_gcm ? EVP_aes_192_gcm() : EVP_aes_192_cbc();
    case 32:
      return is_gcm ? EVP_aes_256_gcm() : EVP_aes_256_cbc();
    default:
      return nullptr;
  }
}

}  // namespace rbdcrypt::kms
