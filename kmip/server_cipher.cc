// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/server_cipher.h"

#include <utility>

#include "base/strings.h"
#include "kmip/dek_text.h"
#include "kmip/exchange.h"
#include "kms/aes_gcm.h"

namespace rbdcrypt::kmip {
namespace {

constexpr CryptoParameters kCbc = {.mode = BlockCipherMode::kCbc,
                                   .padding = PaddingMethod::kPkcs5,
                                   .algorithm = CryptographicAlgorithm::kAes};

CryptoParameters Gcm(const GcmDialect& dialect) {
  CryptoParameters parameters = {.mode = BlockCipherMode::kGcm,
                                 .algorithm = CryptographicAlgorithm::kAes};
  if (dialect.announces_lengths) {
    parameters.iv_bytes = static_cast<std::int32_t>(kms::kGcmNonceBytes);
    parameters.tag_bytes = static_cast<std::int32_t>(kms::kGcmTagBytes);
  }
  return parameters;
}

std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// `made`, unless the server has another one.
Result<std::vector<std::byte>> IvOf(const Encrypted& encrypted, const Secret& made) {
  if (encrypted.iv.empty()) {
    const auto bytes = made.Reveal();
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  }
  if (encrypted.iv.size() != made.size()) {
    return Internal(Cat("the server encrypted with an IV of ", encrypted.iv.size(),
                        " bytes where one of ", made.size(), " was given"));
  }
  return encrypted.iv;
}

Status WrongSize(std::size_t bytes) {
  return Internal(Cat("the server's ciphertext has ", bytes, " bytes, which the cipher excludes"));
}

}  // namespace

Result<Encrypted> ServerCipher::Encrypt(const EncryptFields& fields) {
  return Exchange<Encrypted>(context_, session_, EncryptRequest(fields), ReadEncrypted);
}

Result<Secret> ServerCipher::Decrypt(const DecryptFields& fields) {
  return Exchange<Secret>(context_, session_, DecryptRequest(fields), ReadDecrypted);
}

Result<CbcSealed> ServerCipher::CbcSeal(const Secret& plaintext) {
  ASSIGN_OR_RETURN(const Secret iv, RandomSecret(kCbcIvBytes));
  ASSIGN_OR_RETURN(
      Encrypted encrypted,
      Encrypt({.key_id = key_id_, .parameters = kCbc, .data = plaintext, .iv = iv.Reveal()}));
  if (encrypted.data.size() != (plaintext.size() / kAesBlockBytes + 1) * kAesBlockBytes) {
    return WrongSize(encrypted.data.size());
  }
  ASSIGN_OR_RETURN(std::vector<std::byte> used, IvOf(encrypted, iv));
  return CbcSealed{.iv = std::move(used), .data = std::move(encrypted.data)};
}

Result<Secret> ServerCipher::CbcOpen(std::span<const std::byte> iv,
                                     std::span<const std::byte> data) {
  return Decrypt({.key_id = key_id_, .parameters = kCbc, .data = data, .iv = iv});
}

// A field that an older version does not have would not be sent, and nothing would be bound.
Status ServerCipher::CheckVersion(std::string_view additional_data) const {
  if (additional_data.empty() || session_.version() >= kAeadSince) {
    return OkStatus();
  }
  return Unimplemented(Cat("KMIP ", session_.version().Text(), " has no additional data"));
}

Result<GcmSealed> ServerCipher::GcmSeal(const GcmDialect& dialect,
                                        std::string_view additional_data,
                                        const Secret& plaintext) {
  RETURN_IF_ERROR(CheckVersion(additional_data));
  ASSIGN_OR_RETURN(const Secret nonce, RandomSecret(kms::kGcmNonceBytes));
  ASSIGN_OR_RETURN(Encrypted encrypted, Encrypt({.key_id = key_id_,
                                                 .parameters = Gcm(dialect),
                                                 .data = plaintext,
                                                 .iv = nonce.Reveal(),
                                                 .additional_data = BytesOf(additional_data)}));
  GcmSealed sealed = {.data = std::move(encrypted.data), .had_tag_field = !encrypted.tag.empty()};
  sealed.data.insert(sealed.data.end(), encrypted.tag.begin(), encrypted.tag.end());
  if (sealed.data.size() != plaintext.size() + kms::kGcmTagBytes) {
    return WrongSize(sealed.data.size());
  }
  ASSIGN_OR_RETURN(sealed.nonce, IvOf(encrypted, nonce));
  return sealed;
}

Result<Secret> ServerCipher::GcmOpen(const GcmDialect& dialect,
                                     std::string_view additional_data,
                                     std::span<const std::byte> nonce,
                                     std::span<const std::byte> sealed) {
  RETURN_IF_ERROR(CheckVersion(additional_data));
  RBDCRYPT_CHECK(sealed.size() > kms::kGcmTagBytes);
  DecryptFields fields = {.key_id = key_id_,
                          .parameters = Gcm(dialect),
                          .data = sealed,
                          .iv = nonce,
                          .additional_data = BytesOf(additional_data)};
  if (dialect.has_tag_field) {
    fields.data = sealed.first(sealed.size() - kms::kGcmTagBytes);
    fields.tag = sealed.last(kms::kGcmTagBytes);
  }
  return Decrypt(fields);
}

}  // namespace rbdcrypt::kmip
