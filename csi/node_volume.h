// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/context.h"
#include "base/status.h"
#include "csi/attachers.h"
#include "csi/node_host.h"
#include "csi/staged_volume.h"
#include "rbd/stage_flow.h"

namespace rbdcrypt::csi {

// Which volume, and where it may be found: NodeExpandVolume's fields. Old kubelets give the staging
// path as `volume_path`, others only the target, with or without `staging_path`.
struct ExpandOrder {
  std::string volume_id;
  std::string volume_path;
  std::string staging_path;
  // The raw size that the controller has made; 0: not said.
  std::uint64_t required_bytes = 0;
  // MULTI_NODE_MULTI_WRITER: the controller or another node may resize the image meanwhile.
  bool is_multi_node_writer = false;
  // Takes the volume's lock; null where no secret of a Ceph user came along.
  std::function<Result<std::unique_ptr<rbd::LockedVolume>>()> take_lock = nullptr;
};

// Statistics, or why there are none.
struct VolumeHealth {
  std::optional<VolumeUsage> usage;
  bool is_abnormal = false;
  std::string message;
};

// What is asked of volumes that are in use: growing and measuring. Needs no key, and a Ceph user
// only to lock what a mapper resizes itself.
class NodeVolume {
 public:
  // The references must outlive it.
  NodeVolume(const Attachers& attachers, NodeHost& host) : attachers_(attachers), host_(host) {}

  // Lets device and file system take all of the image; ok if they do already (ceph-csi-compat 5.6).
  // kNotFound: no such volume there. kFailedPrecondition: its device is gone, it is read-only, or
  // growing it needs a secret that the StorageClass does not name. kAborted: the volume's lock is
  // taken. Others as Attacher::Grow.
  Status Expand(const Context& context, const ExpandOrder& order);

  // kNotFound: nothing is mounted at that path. A dead mount is an answer: abnormal.
  Result<VolumeHealth> Stats(const std::string& requested_path);

 private:
  Result<StagedVolume> FindStaged(const ExpandOrder& order);

  const Attachers& attachers_;
  NodeHost& host_;
};

}  // namespace rbdcrypt::csi
