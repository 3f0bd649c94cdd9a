// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "csi.pb.h"

namespace rbdcrypt::csi {

// VolumeCapability.AccessMode.Mode of CSI 1.12, same numbers.
enum class AccessMode : std::uint8_t {
  kSingleNodeWriter = 1,
  kSingleNodeReaderOnly = 2,
  kMultiNodeReaderOnly = 3,
  kMultiNodeSingleWriter = 4,
  kMultiNodeMultiWriter = 5,
  kSingleNodeSingleWriter = 6,
  kSingleNodeMultiWriter = 7,
};

// The specification's name: "SINGLE_NODE_WRITER".
std::string_view ModeName(AccessMode mode);

// One way to use a volume, well formed but not yet known to be offered.
struct VolumeAccess {
  bool is_block = false;
  // "" where the caller leaves it to us.
  std::string fs_type;
  std::vector<std::string> mount_flags;
  AccessMode mode = AccessMode::kSingleNodeWriter;

  bool IsReadOnly() const {
    return mode == AccessMode::kSingleNodeReaderOnly || mode == AccessMode::kMultiNodeReaderOnly;
  }

  // Watchers from other nodes are no reason to refuse (ceph-csi-compat 4.2, 8.4).
  bool MayBeOpenElsewhere() const {
    return mode == AccessMode::kMultiNodeMultiWriter || mode == AccessMode::kMultiNodeReaderOnly;
  }
};

// The file system where nobody asks for one: the provisioner sidecar's default, too.
inline constexpr std::string_view kDefaultFsType = "ext4";

// Largest mount_flags of one capability (CSI 1.12, field rules); mount(2) takes one page.
inline constexpr std::size_t kMaxMountFlagsBytes = 4096;

// Reads a capability of a request. kInvalidArgument: neither block nor mount, no mode or one that
// CSI 1.12 does not know, mount_flags too long, or a volume_mount_group, which is not offered.
Result<VolumeAccess> ReadCapability(const ::csi::v1::VolumeCapability& capability);

// Whether an existing volume can be used so: block volumes in every mode but
// MULTI_NODE_SINGLE_WRITER; file systems ext4 and xfs in the single node modes and
// MULTI_NODE_READER_ONLY (ceph-csi-compat 4.2). kInvalidArgument says what is not offered.
Status CheckOffered(const VolumeAccess& access);

// Whether a new, empty volume can be made for it: as CheckOffered, and not for reading only, which
// needs a source to read.
Status CheckForNewVolume(const VolumeAccess& access);

}  // namespace rbdcrypt::csi
