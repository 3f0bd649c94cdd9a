// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/host.h"

#include <algorithm>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/strings.h"

namespace rbdcrypt::net {
namespace {

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

bool IsName(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsNameCharacter);
}

bool IsIpv4(const std::string& text) {
  in_addr address;
  return ::inet_pton(AF_INET, text.c_str(), &address) == 1;
}

bool IsIpv6(const std::string& text) {
  in6_addr address;
  return ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

}  // namespace

Result<std::string> TakeHost(std::string_view& text) {
  const bool bracketed = text.starts_with('[');
  const std::size_t end = text.find(bracketed ? ']' : ':');
  if (bracketed && end == std::string_view::npos) {
    return InvalidArgument("an address has no ] behind its IPv6 address");
  }
  std::string host = ToLower(text.substr(bracketed ? 1 : 0, bracketed ? end - 1 : end));
  const std::size_t host_end = bracketed ? end + 1 : end;
  text.remove_prefix(std::min(host_end, text.size()));
  if (host.empty()) {
    return InvalidArgument("an address names no host");
  }
  if (bracketed ? !IsIpv6(host) : !IsName(host)) {
    return InvalidArgument("an address's host is neither a name nor an IP address");
  }
  return host;
}

std::optional<std::uint16_t> ParsePort(std::string_view text, std::uint16_t default_port) {
  if (text.empty()) {
    return default_port;
  }
  const auto port = text.front() == ':' ? ParseUint64(text.substr(1)) : std::nullopt;
  if (!port || *port == 0 || *port > 65535) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(*port);
}

std::string JoinHostPort(std::string_view host, std::uint16_t port) {
  const bool bracketed = host.find(':') != std::string_view::npos;
  return Cat(bracketed ? "[" : "", host, bracketed ? "]" : "", ":", port);
}

std::string ToLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return lower;
}

bool IsIpAddress(const std::string& text) {
  return IsIpv4(text) || IsIpv6(text);
}

}  // namespace rbdcrypt::net
