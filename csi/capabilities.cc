// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/capabilities.h"

#include "base/strings.h"

namespace rbdcrypt::csi {
namespace {

namespace pb = ::csi::v1;

Status CheckMountFlags(const VolumeAccess& access) {
  std::size_t total = 0;
  for (const std::string& flag : access.mount_flags) {
    // A comma is how the kernel and mount(8) separate flags; a caller may use it, too.
    if (flag.empty() || flag.find('\0') != std::string::npos) {
      return InvalidArgument("volume_capability.mount.mount_flags: an empty flag or one with NUL");
    }
    total += flag.size() + 1;
  }
  if (total > kMaxMountFlagsBytes) {
    return InvalidArgument(
        Cat("volume_capability.mount.mount_flags: over ", kMaxMountFlagsBytes, " bytes"));
  }
  return OkStatus();
}

}  // namespace

std::string_view ModeName(AccessMode mode) {
  switch (mode) {
    case AccessMode::kSingleNodeWriter:
      return "SINGLE_NODE_WRITER";
    case AccessMode::kSingleNodeReaderOnly:
      return "SINGLE_NODE_READER_ONLY";
    case AccessMode::kMultiNodeReaderOnly:
      return "MULTI_NODE_READER_ONLY";
    case AccessMode::kMultiNodeSingleWriter:
      return "MULTI_NODE_SINGLE_WRITER";
    case AccessMode::kMultiNodeMultiWriter:
      return "MULTI_NODE_MULTI_WRITER";
    case AccessMode::kSingleNodeSingleWriter:
      return "SINGLE_NODE_SINGLE_WRITER";
    case AccessMode::kSingleNodeMultiWriter:
      return "SINGLE_NODE_MULTI_WRITER";
  }
  return "UNKNOWN";
}

Result<VolumeAccess> ReadCapability(const pb::VolumeCapability& capability) {
  VolumeAccess access;
  if (capability.has_mount()) {
    const pb::VolumeCapability::MountVolume& mount = capability.mount();
    access.fs_type = mount.fs_type();
    access.mount_flags.assign(mount.mount_flags().begin(), mount.mount_flags().end());
    RETURN_IF_ERROR(CheckMountFlags(access));
    if (!mount.volume_mount_group().empty()) {
      return InvalidArgument(
          "volume_capability.mount.volume_mount_group: not offered (VOLUME_MOUNT_GROUP); let the "
          "kubelet change the ownership by fsGroup");
    }
  } else if (capability.has_block()) {
    access.is_block = true;
  } else {
    return InvalidArgument("volume_capability: neither block nor mount is set");
  }
  const int mode = capability.access_mode().mode();
  if (mode < static_cast<int>(AccessMode::kSingleNodeWriter) ||
      mode > static_cast<int>(AccessMode::kSingleNodeMultiWriter)) {
    return InvalidArgument(
        Cat("volume_capability.access_mode.mode: ", mode, " is not set or unknown to CSI 1.12"));
  }
  access.mode = static_cast<AccessMode>(mode);
  return access;
}

Status CheckOffered(const VolumeAccess& access) {
  if (access.mode == AccessMode::kMultiNodeSingleWriter) {
    return InvalidArgument("access mode MULTI_NODE_SINGLE_WRITER is not offered");
  }
  if (access.is_block) {
    return OkStatus();
  }
  if (access.mode == AccessMode::kMultiNodeMultiWriter) {
    return InvalidArgument(
        "access mode MULTI_NODE_MULTI_WRITER needs volumeMode Block: a file system on RBD has one "
        "node that writes");
  }
  if (!access.fs_type.empty() && access.fs_type != "ext4" && access.fs_type != "xfs") {
    return InvalidArgument(
        Cat("volume_capability.mount.fs_type: \"", access.fs_type, "\" is neither ext4 nor xfs"));
  }
  return OkStatus();
}

Status CheckForNewVolume(const VolumeAccess& access) {
  RETURN_IF_ERROR(CheckOffered(access));
  if (access.IsReadOnly()) {
    return InvalidArgument(Cat("access mode ", ModeName(access.mode),
                               " needs a content source: a new, empty volume has nothing to read"));
  }
  return OkStatus();
}

}  // namespace rbdcrypt::csi
