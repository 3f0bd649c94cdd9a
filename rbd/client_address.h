// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rbdcrypt::rbd {

// The single client addresses in what librados gives, in the one form that everything here compares
// and that `ceph osd blocklist add` takes: "[v2:10.0.0.1:0/7,v1:10.0.0.1:0/7]" (rados_getaddrs) and
// "v1:10.0.0.1:0/7" (holders of locks) both give {"10.0.0.1:0/7"}, as watchers are listed. Types
// and repetitions are dropped: a blocklist knows neither. IPv6 keeps its brackets; "-" is no
// address.
std::vector<std::string> ParseClientAddresses(std::string_view text);

// The first of them, or "" where there is none.
std::string ParseClientAddress(std::string_view text);

}  // namespace rbdcrypt::rbd
