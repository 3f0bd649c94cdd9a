// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/unwrapping.h"

#include <memory>
#include <utility>
#include <variant>

#include "base/strings.h"
#include "kmip/fetched_kek.h"
#include "kmip/names.h"
#include "kmip/reasons.h"
#include "kms/envelope.h"

namespace rbdcrypt::kmip {
namespace {

// Whether the server keeps the key to itself, whatever its reason.
bool IsWithheld(const Status& status) {
  return status.code() == Code::kPermissionDenied || status.code() == Code::kUnimplemented ||
         status.code() == Code::kFailedPrecondition;
}

bool IsAboutTheKey(const Status& status) {
  return status.code() == Code::kPermissionDenied || status.code() == Code::kNotFound ||
         status.code() == Code::kFailedPrecondition;
}

// As a server says it of data that is damaged, or sent in a way that it does not know.
bool DoesNotVerify(const Status& status) {
  return status.code() == Code::kDataLoss || status.code() == Code::kInvalidArgument ||
         ReasonOf(status) == ResultReason::kGeneralFailure;
}

}  // namespace

const std::string& KeyOf(const DekText& text, const OpenedEntry& entry) {
  const auto* const aead = std::get_if<AeadText>(&text);
  return aead == nullptr ? entry.key_id : aead->key_id;
}

Result<Secret> Unwrapping::Unwrap(const std::string& key_id,
                                  std::string_view volume_id,
                                  const DekText& text) {
  if (const auto* const aead = std::get_if<AeadText>(&text); aead != nullptr) {
    return aead->mode == AeadText::Mode::kGcm ? AeadGcm(key_id, volume_id, *aead)
                                              : AeadCbc(key_id, volume_id, *aead);
  }
  const auto& envelope = std::get<kms::Envelope>(text);
  return envelope.nonce.size() == kCbcIvBytes ? CbcEnvelope(key_id, envelope)
                                              : GcmEnvelope(key_id, envelope);
}

// By the server; nothing where it has no such operation or cipher.
Result<std::optional<Secret>> Unwrapping::OpenCbc(const std::string& key_id,
                                                  std::span<const std::byte> iv,
                                                  std::span<const std::byte> data) {
  ASSIGN_OR_RETURN(const bool decrypts, abilities_.Has(Operation::kDecrypt));
  if (!decrypts || abilities_.LacksCbc()) {
    return std::optional<Secret>();
  }
  Result<Secret> opened = ServerCipher(context_, session_, key_id).CbcOpen(iv, data);
  if (opened.ok()) {
    return std::optional(*std::move(opened));
  }
  if (opened.status().code() != Code::kInvalidArgument) {
    return opened.status();
  }
  // It may be the cipher that it does not take: a round trip tells, and is remembered.
  const Result<bool> has_cbc = abilities_.Cbc(entry_.key_id);
  const bool lacks_cbc = has_cbc.ok() && !*has_cbc;
  return lacks_cbc ? std::optional<Secret>() : Result<std::optional<Secret>>(opened.status());
}

Result<Secret> Unwrapping::CbcEnvelope(const std::string& key_id, const kms::Envelope& envelope) {
  ASSIGN_OR_RETURN(std::optional<Secret> dek, OpenCbc(key_id, envelope.nonce, envelope.ciphertext));
  return dek.has_value() ? *std::move(dek) : Here(key_id, "", envelope);
}

Result<Secret> Unwrapping::GcmEnvelope(const std::string& key_id, const kms::Envelope& envelope) {
  ASSIGN_OR_RETURN(const bool is_withheld, abilities_.Withholds(key_id));
  if (is_withheld) {
    return WithheldGcm(key_id, envelope);
  }
  Result<Secret> dek = Here(key_id, "", envelope);
  if (!IsWithheld(dek.status())) {
    return dek;
  }
  Result<Secret> by_server = WithheldGcm(key_id, envelope);
  if (by_server.ok()) {
    abilities_.NoteWithheld(key_id);
  }
  return by_server.status().code() == Code::kUnimplemented ? std::move(dek) : std::move(by_server);
}

Result<Secret> Unwrapping::WithheldGcm(const std::string& key_id, const kms::Envelope& envelope) {
  ASSIGN_OR_RETURN(const bool decrypts, abilities_.Has(Operation::kDecrypt));
  std::optional<GcmDialect> dialect;
  if (decrypts) {
    ASSIGN_OR_RETURN(dialect, Dialect(key_id, GcmUse::kPlain));
  }
  if (!dialect.has_value()) {
    return Unimplemented(Cat("KMIP at ", session_.server(), " gives key ", key_id,
                             " to nobody and ", "does not decrypt AES-GCM by itself"));
  }
  use_ = KeyUse::kDecrypt;
  return OpenGcm(key_id, *dialect, "", envelope);
}

Result<Secret> Unwrapping::AeadCbc(const std::string& key_id,
                                   std::string_view volume_id,
                                   const AeadText& text) {
  ASSIGN_OR_RETURN(const std::optional<Secret> one_time_key,
                   OpenCbc(key_id, text.iv, text.one_time_key));
  return one_time_key.has_value() ? UnwrapWithOneTimeKey(*one_time_key, volume_id, text)
                                  : Here(key_id, volume_id, text);
}

Result<Secret> Unwrapping::AeadGcm(const std::string& key_id,
                                   std::string_view volume_id,
                                   const AeadText& text) {
  ASSIGN_OR_RETURN(const bool decrypts, abilities_.Has(Operation::kDecrypt));
  std::optional<GcmDialect> dialect;
  if (decrypts) {
    ASSIGN_OR_RETURN(dialect, Dialect(key_id, GcmUse::kWithAdditionalData));
  }
  if (!dialect.has_value()) {
    return Here(key_id, volume_id, text);
  }
  return OpenGcm(key_id, *dialect, AeadAdditionalData(text, volume_id),
                 {.ciphertext = text.data, .nonce = text.nonce});
}

Result<Secret> Unwrapping::Here(const std::string& key_id,
                                std::string_view volume_id,
                                const DekText& text) {
  use_ = KeyUse::kGetToUnwrap;
  ASSIGN_OR_RETURN(const bool gives, abilities_.Has(Operation::kGet));
  if (!gives) {
    return Unimplemented(
        Cat("KMIP at ", session_.server(), " neither decrypts this text by itself ",
            "nor gives the key out (no Get): name a server that does one of both"));
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<const Secret> kek,
                   FetchKek(context_, session_, entry_.kept->keks, key_id));
  return UnwrapWithKek(*kek, volume_id, text);
}

Result<std::optional<GcmDialect>> Unwrapping::Dialect(const std::string& key_id, GcmUse gcm_use) {
  Result<std::optional<GcmDialect>> dialect = abilities_.Gcm(entry_.key_id, gcm_use);
  if (key_id != entry_.key_id && IsAboutTheKey(dialect.status())) {
    dialect = abilities_.Gcm(key_id, gcm_use);
  }
  if (!IsAboutTheKey(dialect.status())) {
    return dialect;
  }
  unlearnt_ = dialect.status();
  return std::optional(GcmDialect{.has_tag_field = session_.version() >= kAeadSince});
}

Result<Secret> Unwrapping::OpenGcm(const std::string& key_id,
                                   const GcmDialect& dialect,
                                   std::string_view additional_data,
                                   const kms::Envelope& sealed) {
  Result<Secret> dek = ServerCipher(context_, session_, key_id)
                           .GcmOpen(dialect, additional_data, sealed.nonce, sealed.ciphertext);
  const bool may_be_the_dialect = !unlearnt_.ok() && DoesNotVerify(dek.status());
  if (may_be_the_dialect) {
    return FailedPrecondition(Cat(Message(dek.status()), ": either the wrapped DEK is damaged, or ",
                                  "this server's way of AES-GCM is another than specified, which ",
                                  "could not be learnt, for neither key ", entry_.key_id, " nor ",
                                  key_id, " encrypts (", Message(unlearnt_), "): correct ",
                                  kUniqueIdentifier));
  }
  return dek;
}

}  // namespace rbdcrypt::kmip
