// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_kmip_cipher.h"

#include <openssl/evp.h>

#include "base/handle.h"
#include "base/status.h"

namespace rbdcrypt::testing {
namespace {

constexpr std::size_t kBlockBytes = 16;
constexpr std::size_t kTagBytes = 16;

using CipherContext = CHandle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

enum class Mode { kCbc, kGcm };
enum class Direction { kDecrypt = 0, kEncrypt = 1 };

const EVP_CIPHER* CipherOf(Mode mode, std::size_t key_bytes) {
  switch (key_bytes) {
    case 16:
      return mode == Mode::kCbc ? EVP_aes_128_cbc() : EVP_aes_128_gcm();
    case 24:
      return mode == Mode::kCbc ? EVP_aes_192_cbc() : EVP_aes_192_gcm();
    default:
      RBDCRYPT_CHECK(key_bytes == 32);
      return mode == Mode::kCbc ? EVP_aes_256_cbc() : EVP_aes_256_gcm();
  }
}

const unsigned char* In(std::span<const std::byte> bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

unsigned char* Out(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

CipherContext Begin(Mode mode, Direction direction, const FakeBytes& key, const FakeBytes& iv) {
  CipherContext context(EVP_CIPHER_CTX_new());
  const EVP_CIPHER* cipher = CipherOf(mode, key.size());
  const int encrypts = static_cast<int>(direction);
  RBDCRYPT_CHECK(EVP_CipherInit_ex(context.get(), cipher, nullptr, nullptr, nullptr, encrypts) ==
                 1);
  if (mode == Mode::kGcm) {
    RBDCRYPT_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_IVLEN,
                                       static_cast<int>(iv.size()), nullptr) == 1);
  }
  RBDCRYPT_CHECK(EVP_CipherInit_ex(context.get(), nullptr, nullptr, In(key), In(iv), encrypts) ==
                 1);
  return context;
}

void AddAdditional(const CipherContext& context, std::span<const std::byte> additional) {
  int length = 0;
  RBDCRYPT_CHECK(additional.empty() ||
                 EVP_CipherUpdate(context.get(), nullptr, &length, In(additional),
                                  static_cast<int>(additional.size())) == 1);
}

// Nothing: the last block or the tag does not fit.
std::optional<FakeBytes> Run(const CipherContext& context, std::span<const std::byte> data) {
  FakeBytes out(data.size() + kBlockBytes);
  int first = 0;
  RBDCRYPT_CHECK(EVP_CipherUpdate(context.get(), Out(out), &first, In(data),
                                  static_cast<int>(data.size())) == 1);
  int last = 0;
  if (EVP_CipherFinal_ex(context.get(), Out(out) + first, &last) != 1) {
    return std::nullopt;
  }
  out.resize(static_cast<std::size_t>(first + last));
  return out;
}

}  // namespace

FakeBytes CbcEncrypt(const FakeBytes& key, const FakeBytes& iv, std::span<const std::byte> data) {
  RBDCRYPT_CHECK(iv.size() == kBlockBytes);
  return *Run(Begin(Mode::kCbc, Direction::kEncrypt, key, iv), data);
}

std::optional<FakeBytes> CbcDecrypt(const FakeBytes& key,
                                    const FakeBytes& iv,
                                    std::span<const std::byte> data) {
  RBDCRYPT_CHECK(iv.size() == kBlockBytes);
  return Run(Begin(Mode::kCbc, Direction::kDecrypt, key, iv), data);
}

FakeBytes GcmEncrypt(const FakeBytes& key,
                     const FakeBytes& iv,
                     std::span<const std::byte> additional,
                     std::span<const std::byte> data) {
  const CipherContext context = Begin(Mode::kGcm, Direction::kEncrypt, key, iv);
  AddAdditional(context, additional);
  FakeBytes sealed = *Run(context, data);
  const std::size_t size = sealed.size();
  sealed.resize(size + kTagBytes);
  RBDCRYPT_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                                     Out(std::span(sealed).subspan(size))) == 1);
  return sealed;
}

std::optional<FakeBytes> GcmDecrypt(const FakeBytes& key,
                                    const FakeBytes& iv,
                                    std::span<const std::byte> additional,
                                    std::span<const std::byte> sealed) {
  if (sealed.size() < kTagBytes) {
    return std::nullopt;
  }
  const CipherContext context = Begin(Mode::kGcm, Direction::kDecrypt, key, iv);
  FakeBytes tag(sealed.end() - kTagBytes, sealed.end());
  RBDCRYPT_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) ==
                 1);
  AddAdditional(context, additional);
  return Run(context, sealed.first(sealed.size() - kTagBytes));
}

}  // namespace rbdcrypt::testing
