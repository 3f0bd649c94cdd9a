// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "csi/map_options.h"
#include "csi/names.h"
#include "csi/topology_pools.h"
#include "rbd/volume_flow.h"
#include "rbd/volume_location.h"

namespace rbdcrypt::csi {

// Parameters that a node reads, too, out of the volume's context. CreateVolume checks them so that
// a mistake shows before a volume exists.
struct NodeParameters {
  std::optional<rbd::EncryptionSpec> encryption;
  // "rbd" or "rbd-nbd".
  std::string mounter = "rbd";
  bool may_try_other_mounters = false;
  MapOptions map_options;
  MapOptions unmap_options;
  // Replace the file system's own defaults; empty: those.
  std::vector<std::string> mkfs_options;
};

// A StorageClass, read and checked (ceph-csi-compat 4.1).
struct StorageClass {
  std::string cluster_id;
  // "" only where topology_pools has some.
  std::string pool;
  std::string data_pool;
  std::string name_prefix;
  std::optional<std::uint64_t> features;
  std::uint64_t stripe_unit_bytes = 0;
  std::uint64_t stripe_count = 0;
  std::uint64_t object_size_bytes = 0;
  std::vector<TopologyPool> topology_pools;
  NodeParameters node;
};

// Reads the parameters of CreateVolume. Those it does not know are nobody's error: they belong to
// other releases and pass through to the context. kInvalidArgument names the parameter.
Result<StorageClass> ReadStorageClass(const Parameters& parameters);

// Reads a volume's context, of ours or of ceph-csi's making. kInvalidArgument names the key.
Result<NodeParameters> ReadNodeParameters(const Parameters& context);

// Whether and how a volume is to be encrypted; nothing for a plain one. kInvalidArgument: no Go
// boolean, encryptionType other than block (`file` is fscrypt: those volumes stay with ceph-csi),
// integrityMode, or a cipher that is not offered.
Result<std::optional<rbd::EncryptionSpec>> ReadEncryption(const Parameters& parameters);

// The image that a static or migrated volume stands for (ceph-csi-compat 1.3, 1.4); nothing for an
// ordinary one. kInvalidArgument: clusterID or pool is missing.
Result<std::optional<rbd::StaticVolume>> ReadStaticVolume(const Parameters& context,
                                                          std::string_view volume_id);

}  // namespace rbdcrypt::csi
