// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace rbdcrypt::csi {

// mapOptions or unmapOptions of a StorageClass, per mapper (ceph-csi-compat 4.1).
struct MapOptions {
  std::string krbd;
  std::string nbd;

  // What this attacher gets; the options of another mapper mean nothing to it.
  std::string For(std::string_view attacher) const;

  friend bool operator==(const MapOptions&, const MapOptions&) = default;
};

// Reads "krbd:a,b;nbd:c,d": parts in any order, the last of a kind counts, a part without prefix is
// krbd's, the prefix is taken in either case. kInvalidArgument names `parameter`: another prefix,
// or characters that no option has (white space, control characters).
Result<MapOptions> ParseMapOptions(std::string_view parameter, std::string_view text);

}  // namespace rbdcrypt::csi
