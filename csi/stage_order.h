// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string>

#include "csi/attachers.h"
#include "csi/capabilities.h"
#include "csi/node_host.h"
#include "csi/parameters.h"
#include "rbd/luks/memory_gate.h"
#include "rbd/stage_flow.h"
#include "rbd/volume_location.h"

namespace rbdcrypt::csi {

// What the node's calls stand on; all must outlive them.
struct NodeParts {
  rbd::StageFlow& flow;
  const Attachers& attachers;
  NodeHost& host;
  rbd::luks::MemoryGate& gate;
};

// A NodeStageVolume request, read and checked.
struct StageOrder {
  std::string volume_id;
  std::string staging_path;
  VolumeAccess access;
  NodeParameters parameters;
  std::optional<rbd::StaticVolume> static_volume;
};

}  // namespace rbdcrypt::csi
