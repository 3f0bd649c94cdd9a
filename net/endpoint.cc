// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/endpoint.h"

#include <algorithm>

#include "base/strings.h"
#include "net/host.h"

namespace rbdcrypt::net {
namespace {

Status CheckShape(const std::string& piece) {
  if (piece.empty()) {
    return InvalidArgument("it is empty");
  }
  if (piece.find('/') != std::string::npos) {
    return InvalidArgument("it has a scheme or a path, where host:port is wanted");
  }
  if (piece.front() != '[' && std::count(piece.begin(), piece.end(), ':') > 1) {
    return InvalidArgument("an IPv6 address needs brackets around it: [fd00::1]:5696");
  }
  return OkStatus();
}

Result<Endpoint> ParseEndpoint(const std::string& piece, std::uint16_t default_port) {
  RETURN_IF_ERROR(CheckShape(piece));
  std::string_view rest = piece;
  Endpoint endpoint;
  ASSIGN_OR_RETURN(endpoint.host, TakeHost(rest));
  const auto port = ParsePort(rest, default_port);
  if (!port) {
    return InvalidArgument("its port is none of 1 to 65535");
  }
  endpoint.port = *port;
  return endpoint;
}

}  // namespace

std::string Endpoint::Text() const {
  return JoinHostPort(host, port);
}

Result<std::vector<Endpoint>> ParseEndpoints(std::string_view text, std::uint16_t default_port) {
  std::vector<Endpoint> endpoints;
  for (const std::string& field : Split(text, ',')) {
    const std::string piece(Trim(field));
    auto endpoint = ParseEndpoint(piece, default_port);
    if (!endpoint.ok()) {
      return Annotate(endpoint.status(), Cat("the endpoint \"", piece, "\""));
    }
    if (std::find(endpoints.begin(), endpoints.end(), *endpoint) != endpoints.end()) {
      return InvalidArgument(Cat("the endpoint \"", piece, "\": it is named twice"));
    }
    endpoints.push_back(*std::move(endpoint));
  }
  return endpoints;
}

}  // namespace rbdcrypt::net
