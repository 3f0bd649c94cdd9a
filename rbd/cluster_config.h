// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace rbdcrypt::rbd {

// What config.json says of one cluster (ceph-csi-compat 3.1).
struct ClusterEntry {
  std::string cluster_id;
  std::vector<std::string> monitors;
  std::string rados_namespace;
  // Watchers of a primary mirrored image that are no users: 0 means 1.
  int mirror_daemon_count = 1;
  std::string net_namespace_file;
};

// Another place where a volume may be after a fail-over: clusterID and pool number.
struct MappedLocation {
  std::string cluster_id;
  std::int64_t pool_id = 0;
};

// Reads clusters from config.json and mappings from cluster-mapping.json, afresh for every call, as
// ceph-csi does. Thread safe.
class ClusterConfig {
 public:
  // Where ceph-csi mounts them: /etc/ceph-csi-config/{config,cluster-mapping}.json.
  ClusterConfig(std::string config_path, std::string mapping_path);

  // kInvalidArgument: no such clusterID, or the file is malformed; the text names file and field.
  Result<ClusterEntry> Find(std::string_view cluster_id) const;

  // Where else a volume of `cluster_id` and `pool_id` may be, in both directions of the mapping; an
  // absent file gives none (ceph-csi-compat 3.2).
  Result<std::vector<MappedLocation>> MappedLocations(std::string_view cluster_id,
                                                      std::int64_t pool_id) const;

 private:
  std::string config_path_;
  std::string mapping_path_;
};

}  // namespace rbdcrypt::rbd
