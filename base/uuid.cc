// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/uuid.h"

#include <algorithm>
#include <array>

#include <openssl/rand.h>

#include "base/encoding.h"
#include "base/status.h"

namespace rbdcrypt {
namespace {

constexpr std::string_view kForm = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
static_assert(kForm.size() == kUuidChars);

bool IsHexDigit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

}  // namespace

bool IsUuid(std::string_view text) {
  return std::ranges::equal(
      text, kForm, [](char c, char form) { return form == '-' ? c == '-' : IsHexDigit(c); });
}

std::string NewUuid() {
  std::array<std::byte, 16> bytes{};
  RBDCRYPT_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()) == 1);
  bytes[6] = (bytes[6] & std::byte{0x0f}) | std::byte{0x40};
  bytes[8] = (bytes[8] & std::byte{0x3f}) | std::byte{0x80};
  std::string uuid = HexEncode(bytes);
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) {
    uuid.insert(dash, "-");
  }
  return uuid;
}

}  // namespace rbdcrypt
