// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/envelope.h"

#include <utility>

#include "base/encoding.h"
#include "base/json.h"
#include "base/strings.h"
#include "kms/aes_gcm.h"

namespace rbdcrypt::kms {
namespace {

Result<std::vector<std::byte>> BytesOf(const Json& object, std::string_view field) {
  const Result<std::string> text = RequiredString(object, field, "wrapped DEK");
  if (!text.ok()) {
    return DataLoss(Message(text.status()));
  }
  Result<std::vector<std::byte>> bytes = Base64Decode(*text);
  // A decoder may overlook the unused bits of the last character; damage there is damage too.
  if (!bytes.ok() || Base64Encode(*bytes) != *text) {
    return DataLoss(Cat("the field \"", field, "\" of the wrapped DEK is not base64"));
  }
  return bytes;
}

}  // namespace

std::string FormatEnvelope(const Envelope& envelope) {
  return Cat(R"({"dek":")", Base64Encode(envelope.ciphertext), R"(","nonce":")",
             Base64Encode(envelope.nonce), R"("})");
}

Result<Envelope> ParseEnvelope(std::string_view text) {
  const Result<Json> object = ParseJson(text, "wrapped DEK");
  if (!object.ok()) {
    return DataLoss(Message(object.status()));
  }
  if (!object->is_object()) {
    return DataLoss("the wrapped DEK is not a JSON object");
  }
  Envelope envelope;
  ASSIGN_OR_RETURN(envelope.ciphertext, BytesOf(*object, "dek"));
  ASSIGN_OR_RETURN(envelope.nonce, BytesOf(*object, "nonce"));
  return envelope;
}

Result<Envelope> SealEnvelope(const Secret& key,
                              std::span<const std::byte> nonce,
                              const Secret& dek) {
  ASSIGN_OR_RETURN(std::vector<std::byte> sealed, GcmSeal(key, nonce, {}, dek));
  return Envelope{.ciphertext = std::move(sealed), .nonce = {nonce.begin(), nonce.end()}};
}

Result<Secret> OpenEnvelope(const Secret& key, const Envelope& envelope) {
  if (envelope.nonce.size() != kGcmNonceBytes) {
    return DataLoss(Cat("the wrapped DEK has a nonce of ", envelope.nonce.size(),
                        " bytes instead of 12: was it written by another provider?"));
  }
  return GcmOpen(key, envelope.nonce, {}, envelope.ciphertext);
}

}  // namespace rbdcrypt::kms
