// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/monitors.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string_view>

#include <netdb.h>
#include <sys/socket.h>

#include "base/handle.h"
#include "base/strings.h"

namespace rbdcrypt::rbd::attach {
namespace {

constexpr std::string_view kLegacyPort = "6789";
constexpr std::string_view kMsgr2Port = "3300";

struct HostAndPort {
  std::string host;
  std::string port;
};

// Splits "host", "host:port", "[v6]" and "[v6]:port"; nothing where the port is not a number.
std::optional<HostAndPort> SplitPort(std::string_view text) {
  HostAndPort split;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    split.host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    const std::size_t colon = text.find(':');
    split.host = text.substr(0, colon);
    rest = colon == std::string_view::npos ? "" : text.substr(colon);
  }
  if (!rest.empty()) {
    if (rest.front() != ':' || ParseUint64(rest.substr(1)).value_or(65536) > 65535) {
      return std::nullopt;
    }
    split.port = rest.substr(1);
  }
  return split.host.empty() ? std::nullopt : std::optional(split);
}

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) {
    return false;
  }
  text.remove_prefix(prefix.size());
  return true;
}

// Adds the addresses that one "v2:host:port/nonce" or "host:port" stands for; false if it is
// neither.
bool AddAddresses(std::string_view text, std::vector<MonitorAddress>& out) {
  const bool only_msgr2 = TakePrefix(text, "v2:");
  const bool only_legacy = !only_msgr2 && TakePrefix(text, "v1:");
  const auto split = SplitPort(text.substr(0, text.find('/')));
  if (!split) {
    return false;
  }
  const auto add = [&](MonitorProtocol protocol, std::string_view default_port) {
    const std::string port = split->port.empty() ? std::string(default_port) : split->port;
    out.push_back({split->host, port, protocol});
  };
  if (!only_legacy && (only_msgr2 || split->port != kLegacyPort)) {
    add(MonitorProtocol::kMsgr2, kMsgr2Port);
  }
  if (!only_msgr2 && (only_legacy || split->port != kMsgr2Port)) {
    add(MonitorProtocol::kLegacy, kLegacyPort);
  }
  return true;
}

// "[v2:…,v1:…]" is a vector of one monitor's addresses; "[::1]:6789" is no vector.
std::string_view WithoutVectorBrackets(std::string_view text) {
  if (text.starts_with("[v")) {
    text.remove_prefix(1);
  }
  if (text.ends_with(']') && std::ranges::count(text, ']') > std::ranges::count(text, '[')) {
    text.remove_suffix(1);
  }
  return text;
}

// The numeric form of one address, an IPv6 one in brackets.
Result<std::string> Resolve(const MonitorAddress& monitor) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(monitor.host.c_str(), monitor.port.c_str(), &hints, &found);
  if (error != 0) {
    return Unavailable(Cat("monitor ", monitor.host, " does not resolve: ", gai_strerror(error)));
  }
  const CHandle<addrinfo, freeaddrinfo> addresses(found);
  std::array<char, NI_MAXHOST> numeric{};
  if (getnameinfo(addresses->ai_addr, addresses->ai_addrlen, numeric.data(), numeric.size(),
                  nullptr, 0, NI_NUMERICHOST) != 0) {
    return Internal(Cat("no numeric form of monitor ", monitor.host));
  }
  const std::string host = numeric.data();
  const bool is_v6 = host.find(':') != std::string::npos;
  return is_v6 ? Cat('[', host, "]:", monitor.port) : Cat(host, ':', monitor.port);
}

}  // namespace

Result<std::vector<MonitorAddress>> ParseMonitors(const std::vector<std::string>& entries) {
  std::vector<MonitorAddress> monitors;
  for (const std::string& entry : entries) {
    for (const std::string& field : Split(entry, ',')) {
      const std::string_view text = WithoutVectorBrackets(Trim(field));
      if (!text.empty() && !AddAddresses(text, monitors)) {
        return InvalidArgument(Cat("monitors: \"", field, "\" is no monitor address"));
      }
    }
  }
  if (monitors.empty()) {
    return InvalidArgument("monitors: the cluster has none; see config.json");
  }
  return monitors;
}

Result<std::string> KernelMonitorList(const std::vector<MonitorAddress>& monitors,
                                      MonitorProtocol protocol) {
  std::vector<std::string> addresses;
  for (const MonitorAddress& monitor : monitors) {
    if (monitor.protocol == protocol) {
      ASSIGN_OR_RETURN(std::string address, Resolve(monitor));
      addresses.push_back(std::move(address));
    }
  }
  if (addresses.empty()) {
    return InvalidArgument(protocol == MonitorProtocol::kMsgr2
                               ? "monitors: none speaks msgr2, which mapOptions ms_mode asks for"
                               : "monitors: none speaks the legacy protocol; set ms_mode in "
                                 "mapOptions to use msgr2");
  }
  return Join(addresses, ",");
}

}  // namespace rbdcrypt::rbd::attach
