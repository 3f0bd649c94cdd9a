// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/mount_options.h"

#include <algorithm>

#include "base/strings.h"

namespace rbdcrypt::csi {
namespace {

std::vector<std::string> Flags(const VolumeAccess& access) {
  std::vector<std::string> flags;
  for (const std::string& entry : access.mount_flags) {
    for (std::string& flag : Split(entry, ',')) {
      if (!flag.empty()) {
        flags.push_back(std::move(flag));
      }
    }
  }
  return flags;
}

void Append(std::vector<std::string>& options, const std::vector<std::string>& more) {
  options.insert(options.end(), more.begin(), more.end());
}

}  // namespace

std::vector<std::string> StageMountOptions(std::string_view fs_type, const VolumeAccess& access) {
  const std::vector<std::string> flags = Flags(access);
  std::vector<std::string> options;
  if (fs_type == "xfs") {
    options.emplace_back("nouuid");
  }
  options.emplace_back("_netdev");
  const bool says_errors = std::any_of(flags.begin(), flags.end(), [](const std::string& flag) {
    return flag.starts_with("errors=");
  });
  if (fs_type == "ext4" && !says_errors) {
    options.emplace_back("errors=remount-ro");
  }
  Append(options, flags);
  if (access.IsReadOnly()) {
    options.emplace_back("ro");
  }
  return options;
}

std::vector<std::string> PublishMountOptions(const VolumeAccess& access, bool is_read_only) {
  std::vector<std::string> options = {"_netdev"};
  Append(options, Flags(access));
  if (is_read_only) {
    options.emplace_back("ro");
  }
  return options;
}

}  // namespace rbdcrypt::csi
