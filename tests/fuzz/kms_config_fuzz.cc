// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors

// Everything kms/ reads that others wrote: configuration, wrapped DEKs of both formats, key rings.
// The first byte chooses the reader, so that a corpus file serves one.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <openssl/sha.h>

#include "base/encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "kms/config.h"
#include "kms/envelope.h"
#include "kms/local_ring.h"
#include "kms/local_text.h"

namespace rbdcrypt::kms {
namespace {

void ReadConfig(std::string_view text) {
  const auto entry = FindEntry(text, "metadata");
  RBDCRYPT_CHECK(!entry.ok() || (entry->id == "metadata" && entry->options.is_object()));
}

void ReadEnvelope(std::string_view text) {
  const auto envelope = ParseEnvelope(text);
  if (!envelope.ok()) {
    RBDCRYPT_CHECK(envelope.status().code() == Code::kDataLoss);
    return;
  }
  const auto again = ParseEnvelope(FormatEnvelope(*envelope));
  RBDCRYPT_CHECK(again.ok() && again->ciphertext == envelope->ciphertext &&
                 again->nonce == envelope->nonce);
}

// Without a right sum no input would get past the sum's check.
std::string SumOf(std::string_view body, std::size_t bytes) {
  std::array<std::byte, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(body.data()), body.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return HexEncode(std::span(digest).first(bytes));
}

void ReadLocalText(std::string_view text) {
  const auto parsed = ParseLocalText(text);
  RBDCRYPT_CHECK(!parsed.ok() || FormatLocalText(*parsed) == text);
}

void ReadRing(std::string_view text) {
  const auto ring = LocalRing::Parse(Secret(text));
  RBDCRYPT_CHECK(!ring.ok() || !ring->Versions().empty());
}

std::string WithLocalSum(std::string_view body) {
  return Cat(body, ",\"sum\":\"", SumOf(body, 8), "\"}");
}

std::string WithRingSum(std::string_view body) {
  return Cat(body, "sum ", SumOf(body, SHA256_DIGEST_LENGTH), '\n');
}

}  // namespace
}  // namespace rbdcrypt::kms

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'c':
      rbdcrypt::kms::ReadConfig(text);
      break;
    case 'e':
      rbdcrypt::kms::ReadEnvelope(text);
      break;
    case 'l':
      rbdcrypt::kms::ReadLocalText(text);
      break;
    case 'L':
      rbdcrypt::kms::ReadLocalText(rbdcrypt::kms::WithLocalSum(text));
      break;
    case 'R':
      rbdcrypt::kms::ReadRing(rbdcrypt::kms::WithRingSum(text));
      break;
    default:
      rbdcrypt::kms::ReadRing(text);
      break;
  }
  return 0;
}
