// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace rbdcrypt::rbd {

// A CSI volume or snapshot ID as ceph-csi writes it (ceph-csi-compat 1.1), fields joined by '-':
//
//   chars  field               encoding
//   4      encoding version    lower-case hex of a big-endian uint16, always 0001
//   4      clusterID's length  the same
//   n      clusterID           raw, 1 to 64 bytes, may hold '-'
//   16     pool ID             lower-case hex of a big-endian int64
//   36     object UUID         canonical text, either case
//
// 64 characters beside the clusterID; CSI allows 128 in all, hence the clusterID's limit.
struct VolumeId {
  std::uint16_t version = 1;
  std::string cluster_id;
  std::int64_t pool_id = 0;
  std::string uuid;

  friend bool operator==(const VolumeId&, const VolumeId&) = default;
};

// Longest clusterID that leaves room for the other fields.
inline constexpr std::size_t kMaxClusterIdBytes = 64;

// kInvalidArgument: the clusterID is empty or over 64 bytes, or the UUID is none.
Result<std::string> EncodeVolumeId(const VolumeId& id);

// Takes what ceph-csi's decoder takes (upper-case digits, any version, any separator) as far as its
// encoder could have made it: a clusterID of 1 to 64 printable bytes, and a UUID.
// kInvalidArgument: not such an ID; the text says which field, never its content.
Result<VolumeId> DecodeVolumeId(std::string_view text);

}  // namespace rbdcrypt::rbd
