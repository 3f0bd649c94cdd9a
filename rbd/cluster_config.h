// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <atomic>
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

  friend bool operator==(const MappedLocation&, const MappedLocation&) = default;
};

// The entry of `cluster_id` in a config.json whose content is `text`; `what` names it in errors.
//
// Only fields that this driver uses are looked at, so keys of other drivers and of later versions
// pass, and so does `"enabled": "false"` as a string under readAffinity: ceph-csi's own sample
// shows it, and its decoder then rejects the file for every cluster. Of two entries the first
// counts. kInvalidArgument: no such clusterID, or malformed; the text names the field.
Result<ClusterEntry> ParseClusterEntry(std::string_view text,
                                       std::string_view cluster_id,
                                       std::string_view what);

// All entries of such a text that name a clusterID, each ID once. kInvalidArgument: malformed.
Result<std::vector<ClusterEntry>> ParseClusterEntries(std::string_view text, std::string_view what);

// Where else a volume of `place` may be according to a cluster-mapping.json, in both directions of
// the mapping, in the file's order, each place once. kInvalidArgument: malformed.
Result<std::vector<MappedLocation>> ParseMappedLocations(std::string_view text,
                                                         const MappedLocation& place,
                                                         std::string_view what);

// Reads clusters from config.json and mappings from cluster-mapping.json, afresh for every call, as
// ceph-csi does. Thread safe.
class ClusterConfig {
 public:
  // Where ceph-csi mounts them: /etc/ceph-csi-config/{config,cluster-mapping}.json.
  ClusterConfig(std::string config_path, std::string mapping_path);

  // kInvalidArgument: no such clusterID, or the file is missing or malformed; the text names file
  // and field. kUnavailable: the file cannot be read.
  Result<ClusterEntry> Find(std::string_view cluster_id) const;

  // All clusters, in the file's order. Errors as Find().
  Result<std::vector<ClusterEntry>> All() const;

  // Where else a volume of `cluster_id` and `pool_id` may be, in both directions of the mapping; an
  // absent file gives none (ceph-csi-compat 3.2).
  Result<std::vector<MappedLocation>> MappedLocations(std::string_view cluster_id,
                                                      std::int64_t pool_id) const;

 private:
  Result<std::string> ReadConfig() const;
  void WarnOnceOfUnused(const ClusterEntry& entry) const;

  std::string config_path_;
  std::string mapping_path_;
  mutable std::atomic_flag has_warned_;
};

}  // namespace rbdcrypt::rbd
