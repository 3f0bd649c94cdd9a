// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace rbdcrypt::rbd::attach {

// Options as mount(8) takes them, sorted into what mount(2) does.
struct MountOptions {
  unsigned long flags = 0;
  // For the file system: "discard,errors=remount-ro".
  std::string data;

  bool IsReadOnly() const;
};

// Each element may itself be a comma list. Those for user space alone (_netdev, defaults, nofail,
// x-…) are dropped; of contradicting ones the last counts.
MountOptions ParseMountOptions(const std::vector<std::string>& options);

// Mounts `device`; `target` must exist. kFailedPrecondition: the device is in use, or the target
// is. kInvalidArgument: the file system rejects an option, or there is none of that type on it.
// kDataLoss: its structure is damaged (EUCLEAN, EFSBADCRC). kUnavailable: the device does not
// answer. kNotFound: no device or target. kPermissionDenied: no CAP_SYS_ADMIN, or the device is
// read-only and the mount is not.
Status MountDevice(const std::string& device,
                   const std::string& target,
                   const std::string& type,
                   const MountOptions& options);

// Shows `source`, a folder or a file, at `target` too, which must exist and be of the same kind.
// The options' flags (ro, nosuid, nodev, noexec, noatime, nodiratime, relatime) are set for the new
// mount only, the others dropped; where they cannot be set, it is taken down again. kNotFound: no
// source or target. kPermissionDenied: no CAP_SYS_ADMIN. kInternal: one is a folder, the other a
// file. Further ones as FromErrno.
Status BindMount(const std::string& source, const std::string& target, const MountOptions& options);

// Takes down whatever is mounted at `target`, all layers. Ok if nothing is, or no such path is.
// kFailedPrecondition: in use; layers above that one are gone. kPermissionDenied: no CAP_SYS_ADMIN.
Status Unmount(const std::string& target);

// Whether anything is mounted at `path`, which may have symbolic links in its folders; no where
// they do not exist. kUnavailable: /proc/self/mountinfo cannot be read.
Result<bool> IsMountPoint(const std::string& path);

// What a mounted file system holds (CSI 1.12 NodeGetVolumeStats).
struct VolumeUsage {
  std::uint64_t total_bytes = 0;
  std::uint64_t used_bytes = 0;
  // For unprivileged users.
  std::uint64_t available_bytes = 0;
  std::uint64_t total_inodes = 0;
  std::uint64_t used_inodes = 0;
  std::uint64_t available_inodes = 0;
};

// kNotFound: no such path. kUnavailable: the file system behind it does not answer (EIO, ENOTCONN,
// ESTALE).
Result<VolumeUsage> MeasureUsage(const std::string& path);

}  // namespace rbdcrypt::rbd::attach
