// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "csi/capabilities.h"

namespace rbdcrypt::csi {

// Options of the mount at the staging path (ceph-csi-compat 8.5, 11):
//
//   ext4   _netdev, errors=remount-ro unless the flags have an errors option
//   xfs    nouuid,_netdev: a restored copy has its source's UUID
//
// then the capability's mount_flags, a comma list each, and "ro" last for a volume to be read only.
std::vector<std::string> StageMountOptions(std::string_view fs_type, const VolumeAccess& access);

// Options of a bind mount to a target: _netdev, the capability's flags, "ro" last where asked for.
std::vector<std::string> PublishMountOptions(const VolumeAccess& access, bool is_read_only);

}  // namespace rbdcrypt::csi
