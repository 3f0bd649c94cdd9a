// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/status.h"

namespace rbdcrypt::csi {

// A file system to make; only ever on what StageFlow::MakeFilesystem gave the right to (safety A3).
struct NewFilesystem {
  std::string device;
  // "ext4" or "xfs".
  std::string type;
  // Instead of the defaults of ceph-csi-compat 8.5; empty: those. What xfs gets in any case
  // (rbd/attach/filesystem) is added to them.
  std::vector<std::string> mkfs_options = {};
};

// A device with a file system, to be mounted at a directory.
struct DeviceMount {
  std::string device;
  std::string target;
  std::string fs_type;
  // As mount(8) takes them, "ro" included; those of user space alone (_netdev) are dropped.
  std::vector<std::string> options = {};
};

// One path to be seen at another as well: a directory, or a device node over a file.
struct BindMount {
  std::string source;
  std::string target;
  std::vector<std::string> options = {};
};

// What is mounted somewhere.
struct MountState {
  std::string fs_type;
  bool is_read_only = false;
};

// How full a volume is. A block volume knows its size only.
struct VolumeUsage {
  bool is_block = false;
  std::uint64_t total_bytes = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t available_bytes = 0;
  std::uint64_t total_inodes = 0;
  std::uint64_t used_inodes = 0;
  std::uint64_t available_inodes = 0;
};

// What a node does with mapped devices, mounts and file systems. Real: csi/system_host. Fake:
// tests/fakes/fake_host. Paths are free of symbolic links (csi/node_files ResolvedPath), as the
// kernel's mount table has them. Thread safe for different volumes.
class NodeHost {
 public:
  virtual ~NodeHost() = default;

  // The type of the file system on `device`, "" where nothing is recognised. kFailedPrecondition:
  // something else is, a partition table say. A reading error is an error (safety A4).
  virtual Result<std::string> ProbeFilesystem(const Context& context,
                                              const std::string& device) = 0;

  // mkfs, without asking whether it may. kInvalidArgument: no such type, or no program for it.
  // kInternal: mkfs failed, its last words are in the text. After any error, kCancelled and
  // kDeadlineExceeded included, part of a file system may be there.
  virtual Status MakeFilesystem(const Context& context, const NewFilesystem& filesystem) = 0;

  // Repairs what can be repaired without asking, before a mount for writing. kDataLoss: it cannot.
  virtual Status CheckFilesystem(const Context& context,
                                 const std::string& device,
                                 const std::string& fs_type) = 0;

  // Lets a mounted file system take all of its device; ok if it does already. kFailedPrecondition:
  // nothing is mounted there. kUnimplemented: its type does not grow. kPermissionDenied: no
  // CAP_SYS_RESOURCE. kInternal: the program that grows it failed.
  virtual Status GrowFilesystem(const Context& context,
                                const std::string& device,
                                const std::string& mount_point) = 0;

  // Mounts over whatever is there: whether something is, the caller has looked.
  // kFailedPrecondition: the device or the target is in use. kInvalidArgument: an option that the
  // file system rejects, or none of that type is there. kDataLoss: it is damaged. kUnavailable: the
  // device does not answer. kNotFound: no device or target. kPermissionDenied: no CAP_SYS_ADMIN.
  virtual Status Mount(const Context& context, const DeviceMount& mount) = 0;

  // Options other than flags (ro, noexec, …) are dropped. kNotFound: no source or target.
  // kPermissionDenied: no CAP_SYS_ADMIN. kInternal: one is a directory, the other is none.
  virtual Status Bind(const Context& context, const BindMount& mount) = 0;

  // Takes away whatever is mounted at `target`, all layers; ok if nothing is.
  // kFailedPrecondition: in use.
  virtual Status Unmount(const Context& context, const std::string& target) = 0;

  // The topmost mount whose mount point is `path`, or nothing; works for dead mounts, too.
  // kUnavailable: the kernel's mount table cannot be read.
  virtual Result<std::optional<MountState>> FindMount(const std::string& path) = 0;

  // Every mount point that shows what is mounted at `path`, which itself is among them: the same
  // root of the same file system; none if nothing is mounted there. kUnavailable as FindMount.
  virtual Result<std::vector<std::string>> MountPointsLike(const std::string& path) = 0;

  // Whether what is mounted at `path` lives on `device`, or is `device`, and that is still there;
  // no where nothing is mounted. kUnavailable: what is mounted does not answer, or as FindMount.
  virtual Result<bool> IsBackedBy(const std::string& path, const std::string& device) = 0;

  // kUnavailable: the file system behind it does not answer.
  virtual Result<VolumeUsage> Usage(const std::string& path) = 0;
};

}  // namespace rbdcrypt::csi
