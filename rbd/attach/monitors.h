// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace rbdcrypt::rbd::attach {

// Ceph's two wire protocols: a monitor listens for each on a port of its own.
enum class MonitorProtocol { kLegacy, kMsgr2 };

// One place where a monitor listens.
struct MonitorAddress {
  // A host name or an IP address, the latter of version 6 without brackets.
  std::string host;
  std::string port;
  MonitorProtocol protocol = MonitorProtocol::kLegacy;
};

// Reads what config.json lists (ceph-csi-compat 3.1): "10.0.0.1:6789", "10.0.0.1", "[::1]:3300",
// "v2:10.0.0.1:3300/0", "[v2:10.0.0.1:3300,v1:10.0.0.1:6789]", alone or joined by commas.
//
// As Ceph does: 6789 is the legacy port and 3300 that of msgr2; an entry without a port means both,
// one with another port may be either and gives two. kInvalidArgument: an entry that is none of
// these, or none at all.
Result<std::vector<MonitorAddress>> ParseMonitors(const std::vector<std::string>& entries);

// The kernel's monitor list: "10.0.0.1:6789,[::1]:6789", host names looked up. Only addresses of
// `protocol`. kInvalidArgument: none is. kUnavailable: a name does not resolve.
Result<std::string> KernelMonitorList(const std::vector<MonitorAddress>& monitors,
                                      MonitorProtocol protocol);

}  // namespace rbdcrypt::rbd::attach
