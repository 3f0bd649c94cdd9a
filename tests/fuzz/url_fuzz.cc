// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors

// Addresses out of configuration, and names that become segments of a path.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "net/url.h"

namespace rbdcrypt::net {
namespace {

// What is taken, written and read again is the same.
void ReadUrl(std::string_view text) {
  const Result<Url> url = ParseUrl(text);
  if (!url.ok()) {
    RBDCRYPT_CHECK(url.status().code() == Code::kInvalidArgument);
    return;
  }
  RBDCRYPT_CHECK(!url->host.empty() && url->port > 0);
  const Result<Url> again = ParseUrl(url->Text());
  RBDCRYPT_CHECK(again.ok() && again->Text() == url->Text());
}

void Escape(std::string_view text) {
  const std::string segment = EscapeSegment(text);
  RBDCRYPT_CHECK(segment != "." && segment != "..");
  RBDCRYPT_CHECK(std::all_of(segment.begin(), segment.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != '/' && c != '?' && c != '#';
  }));
  RBDCRYPT_CHECK(EscapePath(text).find("//") == std::string::npos);
}

}  // namespace
}  // namespace rbdcrypt::net

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  rbdcrypt::net::ReadUrl(text);
  rbdcrypt::net::Escape(text);
  return 0;
}
