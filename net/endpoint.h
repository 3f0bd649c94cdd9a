// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace rbdcrypt::net {

// Where a server listens: a name or an address, and a port.
struct Endpoint {
  // Without brackets: "kmip.example", "10.0.0.1", "fd00::1".
  std::string host;
  std::uint16_t port = 0;

  // "kmip.example:5696", "[fd00::1]:5696".
  std::string Text() const;

  bool operator==(const Endpoint&) const = default;
};

// "host:port", "[v6]:port", or several of them with commas between; spaces around each are dropped.
// A missing port is `default_port`. kInvalidArgument: empty, a port outside 1 to 65535, a scheme or
// path, an IPv6 address without brackets, one endpoint twice; names the piece.
Result<std::vector<Endpoint>> ParseEndpoints(std::string_view text, std::uint16_t default_port);

}  // namespace rbdcrypt::net
