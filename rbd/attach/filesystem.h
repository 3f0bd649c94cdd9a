// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string>

#include "base/context.h"
#include "base/status.h"
#include "base/subprocess.h"

namespace rbdcrypt::rbd::attach {

// What is on a device, in blkid's words.
struct DeviceContent {
  // "ext4", "xfs", "crypto_LUKS", …; "" where no signature is found.
  std::string type;
  // "dos", "gpt", …; "" where there is none.
  std::string partition_table;

  // Reads as if never used. No evidence that it was not (safety A2, A3): whether mkfs may run is
  // decided from the image's extents and metadata.
  bool IsBlank() const { return type.empty() && partition_table.empty(); }
};

// Looks for signatures, as `blkid -p`. kUnavailable: a read failed, which blkid would take for
// "nothing there" (safety A4). kFailedPrecondition: signatures of several kinds.
Result<DeviceContent> ProbeDevice(const std::string& device);

// A file system to be made. `options` are the StorageClass's mkfsOptions, split at blanks; where
// given they replace ceph-csi's own (ceph-csi-compat 8.5), but not what is added for xfs in any
// case: "-m reflink=0" where mkfs.xfs knows it, and "-f".
struct FilesystemRequest {
  // "" means ext4.
  std::string type;
  std::string device;
  std::optional<std::string> options;
};

// File systems on a device, by the usual programs. Thread safe for different devices.
class Filesystem {
 public:
  explicit Filesystem(Subprocess& subprocess);

  // mkfs. Never asks whether it should (safety A3): that is the caller's knowledge.
  // kInvalidArgument: a type that is none, or no program for it (kNotFound if that is mkfs.xfs).
  // kInternal: mkfs failed, for options that it does not take, say; its last words are in the text,
  // and the device may hold part of a file system. kCancelled, kDeadlineExceeded: it was killed,
  // the same.
  Status Make(const Context& context, const FilesystemRequest& request);

  // Repairs what can be repaired without asking, before a writable mount; nothing for types that do
  // so when mounted (xfs, btrfs). kDataLoss: errors are left; the text says what to run.
  // kFailedPrecondition: the check could not be done. kNotFound: no program for that type.
  // kCancelled, kDeadlineExceeded: it was killed; what it had repaired stays.
  Status Check(const Context& context, const std::string& type, const std::string& device);

  // Makes the mounted file system as large as its device; nothing to do is ok.
  // kUnimplemented: the type does not grow. kPermissionDenied: ext4 needs CAP_SYS_RESOURCE for it.
  // kNotFound: no program for it. kInternal: the program failed; its last words are in the text.
  Status Grow(const Context& context,
              const std::string& type,
              const std::string& device,
              const std::string& mount_point);

 private:
  Result<bool> KnowsReflink(const Context& context);

  Subprocess& subprocess_;
};

}  // namespace rbdcrypt::rbd::attach
