// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/subprocess.h"
#include "csi/node_host.h"
#include "rbd/attach/filesystem.h"

namespace rbdcrypt::csi {

// This machine: mount(2), the kernel's mount table, blkid, mkfs and their like (rbd/attach).
// Keeps no state; thread safe for different volumes.
class SystemHost final : public NodeHost {
 public:
  // `subprocess` must outlive it.
  explicit SystemHost(Subprocess& subprocess) : filesystem_(subprocess) {}

  Result<std::string> ProbeFilesystem(const Context& context, const std::string& device) override;
  Status MakeFilesystem(const Context& context, const NewFilesystem& filesystem) override;
  Status CheckFilesystem(const Context& context,
                         const std::string& device,
                         const std::string& fs_type) override;
  Status GrowFilesystem(const Context& context,
                        const std::string& device,
                        const std::string& mount_point) override;
  Status Mount(const Context& context, const DeviceMount& mount) override;
  Status Bind(const Context& context, const BindMount& mount) override;
  Status Unmount(const Context& context, const std::string& target) override;
  Result<std::optional<MountState>> FindMount(const std::string& path) override;
  Result<std::vector<std::string>> MountPointsLike(const std::string& path) override;
  Result<bool> IsBackedBy(const std::string& path, const std::string& device) override;
  Result<VolumeUsage> Usage(const std::string& path) override;

 private:
  rbd::attach::Filesystem filesystem_;
};

}  // namespace rbdcrypt::csi
