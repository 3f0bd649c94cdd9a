// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// What comes from outside into rbd: a volume handle, config.json and cluster-mapping.json.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "rbd/cluster_config.h"
#include "rbd/volume_id.h"

namespace rbdcrypt::rbd {
namespace {

void TryVolumeId(std::string_view text) {
  const Result<VolumeId> id = DecodeVolumeId(text);
  if (!id.ok()) {
    return;
  }
  const Result<std::string> again = EncodeVolumeId(*id);
  RBDCRYPT_CHECK(again.ok());
  const Result<VolumeId> same = DecodeVolumeId(*again);
  RBDCRYPT_CHECK(same.ok() && *same == *id);
}

void TryConfig(std::string_view text) {
  const Result<ClusterEntry> entry = ParseClusterEntry(text, "a", "config.json");
  RBDCRYPT_CHECK(!entry.ok() || (entry->cluster_id == "a" && !entry->monitors.empty() &&
                                 entry->mirror_daemon_count > 0));
  const MappedLocation place{.cluster_id = "a", .pool_id = 1};
  const auto others = ParseMappedLocations(text, place, "cluster-mapping.json");
  if (others.ok()) {
    for (const MappedLocation& other : *others) {
      RBDCRYPT_CHECK(other != place && other.pool_id >= 0);
    }
  }
}

}  // namespace
}  // namespace rbdcrypt::rbd

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  rbdcrypt::rbd::TryVolumeId(text);
  rbdcrypt::rbd::TryConfig(text);
  return 0;
}
