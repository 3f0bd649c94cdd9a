// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/aes_gcm.h"

#include <algorithm>
#include <array>
#include <string>

#include <openssl/evp.h>

#include "kms/aes_cipher.h"

namespace rbdcrypt::kms {
namespace {

enum class Direction : int { kDecrypt = 0, kEncrypt = 1 };

Status Failed(const char* step) {
  return Internal(std::string("OpenSSL refused AES-GCM: ") + step);
}

// A context that has key, nonce and associated text already.
Result<CipherContext> Start(Direction direction,
                            const Secret& key,
                            std::span<const std::byte> nonce,
                            std::span<const std::byte> associated) {
  const EVP_CIPHER* cipher = AesCipher(AesMode::kGcm, key.size());
  RBDCRYPT_CHECK(cipher != nullptr && nonce.size() == kGcmNonceBytes);
  CipherContext context(EVP_CIPHER_CTX_new());
  if (context == nullptr || EVP_CipherInit_ex(context.get(), cipher, nullptr, Octets(key.Reveal()),
                                              Octets(nonce), static_cast<int>(direction)) != 1) {
    return Failed("set-up");
  }
  int length = 0;
  if (!associated.empty() && EVP_CipherUpdate(context.get(), nullptr, &length, Octets(associated),
                                              static_cast<int>(associated.size())) != 1) {
    return Failed("associated text");
  }
  return context;
}

}  // namespace

Result<std::vector<std::byte>> GcmSeal(const Secret& key,
                                       std::span<const std::byte> nonce,
                                       std::span<const std::byte> associated,
                                       const Secret& plaintext) {
  ASSIGN_OR_RETURN(const CipherContext context, Start(Direction::kEncrypt, key, nonce, associated));
  RBDCRYPT_CHECK(!plaintext.empty());
  std::vector<std::byte> sealed(plaintext.size() + kGcmTagBytes);
  std::byte* tag = sealed.data() + plaintext.size();
  int length = 0;
  if (EVP_CipherUpdate(context.get(), Octets(sealed.data()), &length, Octets(plaintext.Reveal()),
                       static_cast<int>(plaintext.size())) != 1 ||
      EVP_CipherFinal_ex(context.get(), Octets(tag), &length) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kGcmTagBytes, tag) != 1) {
    return Failed("encryption");
  }
  return sealed;
}

Result<Secret> GcmOpen(const Secret& key,
                       std::span<const std::byte> nonce,
                       std::span<const std::byte> associated,
                       std::span<const std::byte> sealed) {
  if (sealed.size() <= kGcmTagBytes) {
    return DataLoss("the ciphertext is too short");
  }
  ASSIGN_OR_RETURN(const CipherContext context, Start(Direction::kDecrypt, key, nonce, associated));
  const auto ciphertext = sealed.first(sealed.size() - kGcmTagBytes);
  std::array<std::byte, kGcmTagBytes> tag;
  std::ranges::copy(sealed.last(kGcmTagBytes), tag.begin());
  Secret plaintext(ciphertext.size());
  int length = 0;
  if (EVP_CipherUpdate(context.get(), Octets(plaintext.MutableBytes().data()), &length,
                       Octets(ciphertext), static_cast<int>(ciphertext.size())) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kGcmTagBytes, tag.data()) != 1) {
    return Failed("decryption");
  }
  if (EVP_CipherFinal_ex(context.get(), Octets(tag.data()), &length) != 1) {
    return DataLoss("the ciphertext does not verify");
  }
  return plaintext;
}

}  // namespace rbdcrypt::kms
