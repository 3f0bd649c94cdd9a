// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string>

#include "base/status.h"
#include "csi/names.h"
#include "csi/parameters.h"
#include "csi/sizes.h"
#include "csi/topology_pools.h"
#include "rbd/volume_flow.h"

namespace rbdcrypt::csi {

// What the driver's flags say of labels (ceph-csi-compat 4.5: --setmetadata, --clustername).
struct LabelOptions {
  bool set_metadata = false;
  std::string cluster_name;
};

// A CreateVolume request without protobuf, secrets and content source.
struct NewVolume {
  std::string request_name;
  Parameters parameters;
  CapacityRange range;
  TopologyWish topology;
};

// What the flow is asked for, and what the answer needs beside the flow's.
struct CreatePlan {
  rbd::CreateVolumeSpec spec;
  // Where the volume can be reached from; empty: everywhere.
  TopologySegments accessible_topology;
};

// Puts parameters, size, pool and labels together. kInvalidArgument and kOutOfRange as
// ReadStorageClass and VolumeSizeBytes give them; kResourceExhausted as ChoosePool.
Result<CreatePlan> PlanVolume(const NewVolume& volume, const LabelOptions& labels);

// The context of a new volume (ceph-csi-compat 4.3): where it is, then every parameter but the
// topology and the sidecar's, a parameter winning over a computed key. Never changes for a volume.
Parameters VolumeContext(const rbd::CreatedVolume& created,
                         const std::string& data_pool,
                         const Parameters& parameters);

}  // namespace rbdcrypt::csi
