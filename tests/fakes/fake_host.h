// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "csi/node_host.h"

namespace rbdcrypt::testing {

// A node's mounts and file systems in memory. Mount points are real paths of a temporary folder,
// which must be there, as for the kernel. Thread safe.
//
// Every change leaves a line in effects():
//
//   mkfs TYPE DEVICE [OPTIONS]    fsck DEVICE      mount DEVICE PATH OPTIONS
//   grow PATH                     unmount PATH     bind SOURCE PATH OPTIONS
class FakeHost final : public csi::NodeHost {
 public:
  // What a device holds from now on: "" nothing.
  void SetFilesystem(const std::string& device, const std::string& type);
  std::string FilesystemOn(const std::string& device) const;

  // The next change whose line begins with `prefix` fails with `error` and is not done.
  void FailOnce(const std::string& prefix, const Status& error);

  // The file system mounted at `path` answers nothing any more.
  void SetDead(const std::string& path);

  std::vector<std::string> effects() const;
  void ClearEffects();

  // Paths at which something is mounted, sorted.
  std::vector<std::string> MountPoints() const;

  // Whether a mount keeps `device` busy.
  bool IsInUse(const std::string& device) const;

  Result<std::string> ProbeFilesystem(const Context& context, const std::string& device) override;
  Status MakeFilesystem(const Context& context, const csi::NewFilesystem& filesystem) override;
  Status CheckFilesystem(const Context& context,
                         const std::string& device,
                         const std::string& fs_type) override;
  Status GrowFilesystem(const Context& context,
                        const std::string& device,
                        const std::string& mount_point) override;
  Status Mount(const Context& context, const csi::DeviceMount& mount) override;
  Status Bind(const Context& context, const csi::BindMount& mount) override;
  Status Unmount(const Context& context, const std::string& target) override;
  Result<std::optional<csi::MountState>> FindMount(const std::string& path) override;
  Result<std::vector<std::string>> MountPointsLike(const std::string& path) override;
  Result<bool> IsBackedBy(const std::string& path, const std::string& device) override;
  Result<csi::VolumeUsage> Usage(const std::string& path) override;

 private:
  struct Mounted {
    std::string device;
    std::string fs_type;
    bool is_read_only = false;
    bool is_block = false;
    bool is_dead = false;
  };

  Status Begin(const Context& context, const std::string& line)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Status CheckTarget(const std::string& target) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::map<std::string, std::string> filesystems_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Mounted> mounts_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Status> failures_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> effects_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::testing
