// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace rbdcrypt::net {

// The "host:port" of URLs and endpoints taken apart (RFC 3986, section 3.2).

// Takes the host off the front of `text`: a name, an IPv4 address, or an IPv6 address in brackets.
// Gives it in lower case and without brackets, and leaves what follows it: "" or ":port".
// kInvalidArgument: there is none, or it is none of these. The error repeats nothing of the text.
Result<std::string> TakeHost(std::string_view& text);

// The port of "" (then `default_port`) or ":8200"; nothing if it is none of 1 to 65535.
std::optional<std::uint16_t> ParsePort(std::string_view text, std::uint16_t default_port);

// "kmip.example:5696", "[fd00::1]:5696", of a host without brackets.
std::string JoinHostPort(std::string_view host, std::uint16_t port);

// Of ASCII letters alone, whatever the locale.
std::string ToLower(std::string_view text);

// Whether it is an IPv4 or IPv6 address, without brackets, port or zone.
bool IsIpAddress(const std::string& text);

}  // namespace rbdcrypt::net
