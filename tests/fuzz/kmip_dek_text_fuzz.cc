// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors

// Wrapped DEKs of provider "kmip", as whoever may write an image's metadata can change them:
// parsed, and unwrapped with a key. The first byte says whether a right sum is put behind the rest,
// without which no input would get past it.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/encoding.h"
#include "base/secret.h"
#include "base/sha256.h"
#include "base/status.h"
#include "base/strings.h"
#include "kmip/dek_text.h"
#include "kmip/fetched_kek.h"
#include "kms/envelope.h"

namespace rbdcrypt::kmip {
namespace {

void CheckRead(const DekText& read, std::string_view text) {
  if (const auto* const aead = std::get_if<AeadText>(&read); aead != nullptr) {
    RBDCRYPT_CHECK(FormatAeadText(*aead) == text);
    return;
  }
  const auto& envelope = std::get<kms::Envelope>(read);
  const auto again = kms::ParseEnvelope(kms::FormatEnvelope(envelope));
  RBDCRYPT_CHECK(again.ok() && again->ciphertext == envelope.ciphertext);
}

void ReadAndUnwrap(std::string_view text) {
  const auto read = ParseDekText(text);
  if (!read.ok()) {
    RBDCRYPT_CHECK(read.status().code() == Code::kDataLoss ||
                   read.status().code() == Code::kUnimplemented);
    return;
  }
  CheckRead(*read, text);
  // Not the vectors' key: nothing of ours verifies with it.
  const auto dek =
      UnwrapWithKek(Secret(std::string_view("a key of thirty-two characters..")), "v", *read);
  RBDCRYPT_CHECK(dek.ok() ? std::holds_alternative<kms::Envelope>(*read)
                          : dek.status().code() == Code::kDataLoss);
}

std::string WithSum(std::string_view body) {
  const auto sum = Sha256(body);
  return Cat(body, ",\"sum\":\"", HexEncode(std::span(sum).first(8)), "\"}}");
}

}  // namespace
}  // namespace rbdcrypt::kmip

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 's') {
    rbdcrypt::kmip::ReadAndUnwrap(rbdcrypt::kmip::WithSum(text));
  } else {
    rbdcrypt::kmip::ReadAndUnwrap(text);
  }
  return 0;
}
