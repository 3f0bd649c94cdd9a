// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/aes_cbc.h"

#include <openssl/evp.h>

#include "kms/aes_cipher.h"

namespace rbdcrypt::kmip {
namespace {

constexpr std::size_t kBlockBytes = 16;

}  // namespace

Result<Secret> CbcOpen(const Secret& key,
                       std::span<const std::byte> iv,
                       std::span<const std::byte> ciphertext) {
  const EVP_CIPHER* cipher = kms::AesCipher(kms::AesMode::kCbc, key.size());
  RBDCRYPT_CHECK(cipher != nullptr && iv.size() == kBlockBytes);
  if (ciphertext.empty() || ciphertext.size() % kBlockBytes != 0) {
    return DataLoss("the ciphertext is no whole blocks");
  }
  const kms::CipherContext context(EVP_CIPHER_CTX_new());
  // Decryption holds back the last block until the end, so no more than the ciphertext's size.
  Secret plaintext(ciphertext.size());
  std::byte* const out = plaintext.MutableBytes().data();
  int length = 0;
  if (context == nullptr ||
      EVP_DecryptInit_ex(context.get(), cipher, nullptr, kms::Octets(key.Reveal()),
                         kms::Octets(iv)) != 1 ||
      EVP_DecryptUpdate(context.get(), kms::Octets(out), &length, kms::Octets(ciphertext),
                        static_cast<int>(ciphertext.size())) != 1) {
    return Internal("OpenSSL refused AES-CBC");
  }
  int last = 0;
  if (EVP_DecryptFinal_ex(context.get(), kms::Octets(out + length), &last) != 1) {
    return DataLoss("the ciphertext does not verify");
  }
  plaintext.Shrink(static_cast<std::size_t>(length + last));
  return plaintext;
}

}  // namespace rbdcrypt::kmip
