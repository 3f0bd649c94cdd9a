// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/url.h"

#include <algorithm>
#include <vector>

#include "base/strings.h"
#include "net/host.h"

namespace rbdcrypt::net {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsOneOf(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}

// No white space, no control character, and ASCII alone, as RFC 3986 has it.
bool IsVisible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

std::uint16_t DefaultPort(std::string_view scheme) {
  return scheme == "https" ? kHttpsPort : kHttpPort;
}

Status CheckCharacters(std::string_view text) {
  if (!IsVisible(text)) {
    return InvalidArgument("an address has white space, control or non-ASCII characters in it");
  }
  if (text.find_first_of("?#") != std::string_view::npos) {
    return InvalidArgument("an address has a query or fragment, which no server address has");
  }
  return OkStatus();
}

}  // namespace

std::string Url::Text() const {
  return Cat(scheme, "://", JoinHostPort(host, port), path);
}

Result<Url> ParseUrl(std::string_view text) {
  RETURN_IF_ERROR(CheckCharacters(text));
  Url url;
  const std::size_t colon = text.find("://");
  url.scheme = ToLower(text.substr(0, colon));
  if (colon == std::string_view::npos || (url.scheme != "http" && url.scheme != "https")) {
    return InvalidArgument("an address begins with neither https:// nor http://");
  }
  text.remove_prefix(colon + 3);
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::string_view authority = text.substr(0, slash);
  if (authority.find('@') != std::string_view::npos) {
    return InvalidArgument(
        "an address has user information (user@host) in it: credentials belong elsewhere");
  }
  ASSIGN_OR_RETURN(url.host, TakeHost(authority));
  const auto port = ParsePort(authority, DefaultPort(url.scheme));
  if (!port) {
    return InvalidArgument(
        Cat("the address ", url.scheme, "://", url.host, " has a port that is none of 1 to 65535"));
  }
  url.port = *port;
  url.path = text.substr(slash);
  while (url.path.ends_with('/')) {
    url.path.pop_back();
  }
  return url;
}

std::string EscapeSegment(std::string_view segment) {
  constexpr std::string_view kHexDigits = "0123456789ABCDEF";
  const bool is_step = segment == "." || segment == "..";
  std::string escaped;
  for (const char c : segment) {
    if (IsAlphanumeric(c) || IsOneOf(c, "-_~") || (c == '.' && !is_step)) {
      escaped.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    escaped += {'%', kHexDigits[byte >> 4], kHexDigits[byte & 0xf]};
  }
  return escaped;
}

std::string EscapePath(std::string_view path) {
  std::vector<std::string> segments;
  for (const std::string& segment : Split(path, '/')) {
    if (!segment.empty()) {
      segments.push_back(EscapeSegment(segment));
    }
  }
  return Join(segments, "/");
}

}  // namespace rbdcrypt::net
