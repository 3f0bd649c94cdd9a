// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/local_text.h"

#include <array>
#include <limits>
#include <span>

#include "base/encoding.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/strings.h"

namespace rbdcrypt::kms {
namespace {

constexpr std::int64_t kFormat = 1;
constexpr std::string_view kFormatName = "rbdcrypt-local-1";
constexpr std::size_t kSumBytes = 8;
constexpr std::string_view kBeforeSum = R"(,"sum":")";
constexpr std::string_view kAfterSum = R"("})";
constexpr std::size_t kTailChars = kBeforeSum.size() + 2 * kSumBytes + kAfterSum.size();

std::string TailOf(std::string_view body) {
  const auto sum = Sha256(body);
  return Cat(kBeforeSum, HexEncode(std::span(sum).first(kSumBytes)), kAfterSum);
}

Status NotOurs() {
  return DataLoss("the wrapped DEK is damaged, or not one of provider \"local\"");
}

Status CheckSum(std::string_view text) {
  if (text.size() <= kTailChars) {
    return NotOurs();
  }
  const std::string_view body = text.substr(0, text.size() - kTailChars);
  return text.substr(body.size()) == TailOf(body) ? OkStatus() : NotOurs();
}

// The fields of a text whose sum is right.
Result<LocalText> ReadFields(const Json& object) {
  ASSIGN_OR_RETURN(const auto key, OptionalInt(object, "key", "wrapped DEK"));
  if (!key.has_value() || *key < 1 || *key > std::numeric_limits<std::uint32_t>::max()) {
    return NotOurs();
  }
  LocalText fields;
  fields.key_version = static_cast<std::uint32_t>(*key);
  ASSIGN_OR_RETURN(fields.ring_id, RequiredString(object, "ring", "wrapped DEK"));
  ASSIGN_OR_RETURN(const std::string nonce, RequiredString(object, "nonce", "wrapped DEK"));
  ASSIGN_OR_RETURN(fields.nonce, Base64Decode(nonce));
  ASSIGN_OR_RETURN(const std::string dek, RequiredString(object, "dek", "wrapped DEK"));
  ASSIGN_OR_RETURN(fields.ciphertext, Base64Decode(dek));
  return fields;
}

}  // namespace

std::string FormatLocalText(const LocalText& text) {
  const std::string body =
      Cat(R"({"format":)", kFormat, R"(,"ring":")", text.ring_id, R"(","key":)", text.key_version,
          R"(,"nonce":")", Base64Encode(text.nonce), R"(","dek":")", Base64Encode(text.ciphertext),
          '"');
  return body + TailOf(body);
}

Result<LocalText> ParseLocalText(std::string_view text) {
  RETURN_IF_ERROR(CheckSum(text));
  const Result<Json> object = ParseJson(text, "wrapped DEK");
  if (!object.ok() || !object->is_object()) {
    return NotOurs();
  }
  const auto format = OptionalInt(*object, "format", "wrapped DEK");
  if (!format.ok() || !format->has_value()) {
    return NotOurs();
  }
  if (**format != kFormat) {
    return Unimplemented(Cat("the DEK was wrapped in format ", **format,
                             " of provider \"local\"; this build reads format ", kFormat,
                             ": use the release that wrote it"));
  }
  Result<LocalText> fields = ReadFields(*object);
  // Format's own spelling is the only one, so that whoever finds a text may compare it as bytes.
  if (!fields.ok() || FormatLocalText(*fields) != text) {
    return NotOurs();
  }
  return fields;
}

std::string LocalAssociatedText(const LocalText& text, std::string_view volume_id) {
  return Cat(kFormatName, '\0', text.ring_id, '\0', text.key_version, '\0', volume_id);
}

}  // namespace rbdcrypt::kms
