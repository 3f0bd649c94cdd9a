// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/dek_text.h"

#include <cstdint>
#include <span>
#include <utility>

#include "base/encoding.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "kmip/credentials.h"
#include "kms/aes_gcm.h"

namespace rbdcrypt::kmip {
namespace {

constexpr std::int64_t kFormat = 1;
constexpr std::string_view kFormatName = "rbdcrypt-kmip-1";
constexpr std::string_view kWhat = "wrapped DEK";
// What only a text of ours begins with.
constexpr std::string_view kAeadStart = R"({"dek":{)";
constexpr std::size_t kSumBytes = 8;
constexpr std::string_view kBeforeSum = R"(,"sum":")";
constexpr std::string_view kAfterSum = R"("}})";
constexpr std::size_t kTailChars = kBeforeSum.size() + 2 * kSumBytes + kAfterSum.size();
// With the padding that is always there.
constexpr std::size_t kWrappedOneTimeKeyBytes = kOneTimeKeyBytes + kAesBlockBytes;

Status Damaged() {
  return DataLoss("the wrapped DEK is damaged, or not one of provider \"kmip\"");
}

std::string_view NameOf(AeadText::Mode mode) {
  return mode == AeadText::Mode::kGcm ? "gcm" : "cbc";
}

std::string TailOf(std::string_view body) {
  const auto sum = Sha256(body);
  return Cat(kBeforeSum, HexEncode(std::span(sum).first(kSumBytes)), kAfterSum);
}

bool IsSealedDek(const std::vector<std::byte>& data) {
  return data.size() > kms::kGcmTagBytes && data.size() <= kMaxDekBytes + kms::kGcmTagBytes;
}

bool IsCbcDek(const std::vector<std::byte>& data) {
  return !data.empty() && data.size() % kAesBlockBytes == 0 &&
         data.size() <= kMaxDekBytes + kAesBlockBytes;
}

Status CheckLengths(const AeadText& text) {
  const bool is_cbc = text.mode == AeadText::Mode::kCbc;
  const bool fits = IsKeyId(text.key_id) && text.nonce.size() == kms::kGcmNonceBytes &&
                    IsSealedDek(text.data) && text.iv.size() == (is_cbc ? kCbcIvBytes : 0) &&
                    text.one_time_key.size() == (is_cbc ? kWrappedOneTimeKeyBytes : 0);
  return fits ? OkStatus() : Damaged();
}

Result<std::vector<std::byte>> BytesOf(const Json& object, std::string_view field) {
  ASSIGN_OR_RETURN(const std::string text, RequiredString(object, field, kWhat));
  return Base64Decode(text);
}

// The fields of a text whose sum and format are right.
Result<AeadText> ReadFields(const Json& object) {
  AeadText text;
  ASSIGN_OR_RETURN(text.key_id, RequiredString(object, "key", kWhat));
  ASSIGN_OR_RETURN(const std::string mode, RequiredString(object, "mode", kWhat));
  if (mode == NameOf(AeadText::Mode::kCbc)) {
    text.mode = AeadText::Mode::kCbc;
    ASSIGN_OR_RETURN(text.iv, BytesOf(object, "iv"));
    ASSIGN_OR_RETURN(text.one_time_key, BytesOf(object, "onetime"));
  }
  ASSIGN_OR_RETURN(text.nonce, BytesOf(object, "nonce"));
  ASSIGN_OR_RETURN(text.data, BytesOf(object, "data"));
  RETURN_IF_ERROR(CheckLengths(text));
  return text;
}

bool HasRightSum(std::string_view text) {
  if (text.size() <= kTailChars) {
    return false;
  }
  const std::string_view body = text.substr(0, text.size() - kTailChars);
  return text.substr(body.size()) == TailOf(body);
}

Result<DekText> ParseAead(std::string_view text) {
  if (!HasRightSum(text)) {
    return Damaged();
  }
  const Result<Json> object = ParseJson(text, kWhat);
  if (!object.ok() || !object->is_object() || !object->contains("dek")) {
    return Damaged();
  }
  const Json& fields = (*object)["dek"];
  const auto format = OptionalInt(fields, "format", kWhat);
  if (!format.ok() || !format->has_value()) {
    return Damaged();
  }
  if (**format != kFormat) {
    return Unimplemented(Cat("the DEK was wrapped in format ", **format,
                             " of provider \"kmip\"; this build reads format ", kFormat,
                             ": use the release that wrote it"));
  }
  Result<AeadText> read = ReadFields(fields);
  // One spelling alone, so that whoever finds a text may compare it as bytes.
  if (!read.ok() || FormatAeadText(*read) != text) {
    return Damaged();
  }
  return DekText(*std::move(read));
}

Result<DekText> ParseCephCsi(std::string_view text) {
  ASSIGN_OR_RETURN(kms::Envelope envelope, kms::ParseEnvelope(text));
  const bool fits =
      envelope.nonce.size() == kCbcIvBytes
          ? IsCbcDek(envelope.ciphertext)
          : envelope.nonce.size() == kms::kGcmNonceBytes && IsSealedDek(envelope.ciphertext);
  if (!fits) {
    return Damaged();
  }
  return DekText(std::move(envelope));
}

}  // namespace

Result<DekText> ParseDekText(std::string_view text) {
  if (text.size() > kMaxDekTextBytes) {
    return Damaged();
  }
  return text.starts_with(kAeadStart) ? ParseAead(text) : ParseCephCsi(text);
}

std::string FormatAeadText(const AeadText& text) {
  // Printable ASCII, so that dump() has nothing to throw at.
  RBDCRYPT_CHECK(IsKeyId(text.key_id));
  const std::string key = Json(text.key_id).dump();
  std::string body = Cat(kAeadStart, R"("format":)", kFormat, R"(,"key":)", key, R"(,"mode":")",
                         NameOf(text.mode), '"');
  if (text.mode == AeadText::Mode::kCbc) {
    body += Cat(R"(,"iv":")", Base64Encode(text.iv), R"(","onetime":")",
                Base64Encode(text.one_time_key), '"');
  }
  body +=
      Cat(R"(,"nonce":")", Base64Encode(text.nonce), R"(","data":")", Base64Encode(text.data), '"');
  return body + TailOf(body);
}

std::string AeadAdditionalData(const AeadText& text, std::string_view volume_id) {
  return Cat(kFormatName, '\0', NameOf(text.mode), '\0', text.key_id, '\0', volume_id);
}

}  // namespace rbdcrypt::kmip
