// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace rbdcrypt::net {

// Where a server is: "https://vault.example:8200/base" taken apart (RFC 3986, section 3).
struct Url {
  // "http" or "https".
  std::string scheme;
  // Name or address, lower case; of an IPv6 address without its brackets.
  std::string host;
  // 443 or 80 where the text names none.
  std::uint16_t port = 0;
  // "" or begins with "/" and does not end with one; as it stood in the text, escapes included.
  std::string path = {};

  // "https://host:port/path", with the brackets of IPv6.
  std::string Text() const;
};

// kInvalidArgument: another scheme, no host, a port out of 1 to 65535, white space or control
// characters, or user information, query or fragment, which no server address here has. The text of
// the error repeats nothing of the input beyond scheme and host: there could be a password in it.
Result<Url> ParseUrl(std::string_view text);

// One segment of a path with everything but RFC 3986's unreserved characters escaped: "a/b" gives
// "a%2Fb". Of "." and ".." the dots are escaped, too: they would be steps.
std::string EscapeSegment(std::string_view segment);

// The segments of `path` ("/a//b/", "a/b") escaped one by one and joined by single slashes, without
// one at either end: "a/b".
std::string EscapePath(std::string_view path);

}  // namespace rbdcrypt::net
