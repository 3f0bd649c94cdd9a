// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/fetched_kek.h"

#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "base/strings.h"
#include "kmip/aes_cbc.h"
#include "kmip/exchange.h"
#include "kmip/operations.h"
#include "kms/aes_gcm.h"
#include "kms/envelope.h"

namespace rbdcrypt::kmip {
namespace {

std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text));
}

Result<Secret> OpenAead(const Secret& key, std::string_view volume_id, const AeadText& text) {
  return kms::GcmOpen(key, text.nonce, BytesOf(AeadAdditionalData(text, volume_id)), text.data);
}

Result<Secret> UnwrapEnvelope(const Secret& kek, const kms::Envelope& envelope) {
  return envelope.nonce.size() == kCbcIvBytes ? CbcOpen(kek, envelope.nonce, envelope.ciphertext)
                                              : kms::OpenEnvelope(kek, envelope);
}

Result<Secret> UnwrapAead(const Secret& kek, std::string_view volume_id, const AeadText& text) {
  if (text.mode == AeadText::Mode::kGcm) {
    return OpenAead(kek, volume_id, text);
  }
  ASSIGN_OR_RETURN(const Secret one_time_key, CbcOpen(kek, text.iv, text.one_time_key));
  return UnwrapWithOneTimeKey(one_time_key, volume_id, text);
}

}  // namespace

Result<std::shared_ptr<const Secret>> FetchKek(const Context& context,
                                               Session& session,
                                               KekCache& cache,
                                               const std::string& key_id) {
  if (std::shared_ptr<const Secret> kept = cache.Find(key_id); kept != nullptr) {
    return kept;
  }
  ASSIGN_OR_RETURN(Secret kek,
                   Exchange<Secret>(context, session, GetRequest(key_id), ReadKeyMaterial));
  return cache.Keep(key_id, std::move(kek));
}

Status SealInto(AeadText& text, const Secret& key, std::string_view volume_id, const Secret& dek) {
  ASSIGN_OR_RETURN(const Secret nonce, RandomSecret(kms::kGcmNonceBytes));
  text.nonce.assign(nonce.Reveal().begin(), nonce.Reveal().end());
  ASSIGN_OR_RETURN(
      text.data, kms::GcmSeal(key, text.nonce, BytesOf(AeadAdditionalData(text, volume_id)), dek));
  return OkStatus();
}

Result<std::string> WrapWithKek(const NamedKek& kek,
                                WrapFormat format,
                                std::string_view volume_id,
                                const Secret& dek) {
  if (format == WrapFormat::kAead) {
    AeadText text = {.key_id = kek.id, .mode = AeadText::Mode::kGcm};
    RETURN_IF_ERROR(SealInto(text, kek.kek, volume_id, dek));
    return FormatAeadText(text);
  }
  ASSIGN_OR_RETURN(const Secret nonce, RandomSecret(kms::kGcmNonceBytes));
  ASSIGN_OR_RETURN(const kms::Envelope envelope, kms::SealEnvelope(kek.kek, nonce.Reveal(), dek));
  return kms::FormatEnvelope(envelope);
}

Result<Secret> UnwrapWithOneTimeKey(const Secret& one_time_key,
                                    std::string_view volume_id,
                                    const AeadText& text) {
  if (one_time_key.size() != kOneTimeKeyBytes) {
    return DataLoss("the ciphertext does not verify");
  }
  return OpenAead(one_time_key, volume_id, text);
}

Result<Secret> UnwrapWithKek(const Secret& kek, std::string_view volume_id, const DekText& text) {
  Result<Secret> dek = std::holds_alternative<AeadText>(text)
                           ? UnwrapAead(kek, volume_id, std::get<AeadText>(text))
                           : UnwrapEnvelope(kek, std::get<kms::Envelope>(text));
  if (dek.status().code() == Code::kDataLoss) {
    return DataLoss(
        "the wrapped DEK does not verify: it is damaged, or was wrapped for another "
        "volume or by another key");
  }
  return dek;
}

}  // namespace rbdcrypt::kmip
