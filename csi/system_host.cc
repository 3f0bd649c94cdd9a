// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/system_host.h"

#include <cerrno>
#include <optional>

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/strings.h"
#include "rbd/attach/block_device.h"
#include "rbd/attach/mount.h"
#include "rbd/attach/mount_table.h"

namespace rbdcrypt::csi {
namespace {

namespace attach = rbd::attach;

// The number of a device node, as the mount table writes it; nothing where `path` is none.
Result<std::optional<std::string>> DeviceNumber(const std::string& path) {
  struct stat info {};

  if (::stat(path.c_str(), &info) != 0) {
    const int error = errno;
    if (error == ENOENT) {
      return std::optional<std::string>();
    }
    const bool is_dead = error == EIO || error == ENOTCONN || error == ESTALE;
    return is_dead ? Unavailable(Cat("the file system at ", path, " does not answer"))
                   : FromErrno(error, Cat("look at ", path));
  }
  if (!S_ISBLK(info.st_mode)) {
    return std::optional<std::string>();
  }
  return std::optional<std::string>(Cat(major(info.st_rdev), ":", minor(info.st_rdev)));
}

}  // namespace

Result<std::string> SystemHost::ProbeFilesystem(const Context& context, const std::string& device) {
  RETURN_IF_ERROR(context.Check(Cat("probe ", device)));
  ASSIGN_OR_RETURN(attach::DeviceContent content, attach::ProbeDevice(device));
  if (!content.partition_table.empty()) {
    return FailedPrecondition(Cat(device, " has a partition table (", content.partition_table,
                                  "), no file system; use it as a block volume"));
  }
  return std::move(content.type);
}

Status SystemHost::MakeFilesystem(const Context& context, const NewFilesystem& filesystem) {
  attach::FilesystemRequest request;
  request.type = filesystem.type;
  request.device = filesystem.device;
  if (!filesystem.mkfs_options.empty()) {
    request.options = Join(filesystem.mkfs_options, " ");
  }
  return filesystem_.Make(context, request);
}

Status SystemHost::CheckFilesystem(const Context& context,
                                   const std::string& device,
                                   const std::string& fs_type) {
  return filesystem_.Check(context, fs_type, device);
}

Status SystemHost::GrowFilesystem(const Context& context,
                                  const std::string& device,
                                  const std::string& mount_point) {
  ASSIGN_OR_RETURN(const auto mount, FindMount(mount_point));
  if (!mount) {
    return FailedPrecondition(Cat("grow the file system at ", mount_point, ": is not mounted"));
  }
  return filesystem_.Grow(context, mount->fs_type, device, mount_point);
}

Status SystemHost::Mount(const Context& context, const DeviceMount& mount) {
  RETURN_IF_ERROR(context.Check(Cat("mount ", mount.target)));
  return attach::MountDevice(mount.device, mount.target, mount.fs_type,
                             attach::ParseMountOptions(mount.options));
}

Status SystemHost::Bind(const Context& context, const BindMount& mount) {
  RETURN_IF_ERROR(context.Check(Cat("mount ", mount.target)));
  return attach::BindMount(mount.source, mount.target, attach::ParseMountOptions(mount.options));
}

Status SystemHost::Unmount(const Context& context, const std::string& target) {
  RETURN_IF_ERROR(context.Check(Cat("unmount ", target)));
  return attach::Unmount(target);
}

Result<std::optional<MountState>> SystemHost::FindMount(const std::string& path) {
  ASSIGN_OR_RETURN(const attach::MountTable table, attach::MountTable::Load());
  const std::optional<attach::MountEntry> entry = table.At(path);
  if (!entry) {
    return std::optional<MountState>();
  }
  return std::optional<MountState>({.fs_type = entry->type, .is_read_only = entry->IsReadOnly()});
}

Result<std::vector<std::string>> SystemHost::MountPointsLike(const std::string& path) {
  ASSIGN_OR_RETURN(const attach::MountTable table, attach::MountTable::Load());
  std::vector<std::string> mount_points;
  const std::optional<attach::MountEntry> entry = table.At(path);
  if (!entry) {
    return mount_points;
  }
  for (const attach::MountEntry& other : table.Of(entry->source)) {
    if (other.device_number == entry->device_number && other.root == entry->root) {
      mount_points.push_back(other.mount_point);
    }
  }
  return mount_points;
}

Result<bool> SystemHost::IsBackedBy(const std::string& path, const std::string& device) {
  ASSIGN_OR_RETURN(const std::optional<std::string> wanted, DeviceNumber(device));
  if (!wanted) {
    return false;
  }
  ASSIGN_OR_RETURN(const attach::MountTable table, attach::MountTable::Load());
  const std::optional<attach::MountEntry> entry = table.At(path);
  if (!entry) {
    return false;
  }
  if (entry->device_number == *wanted) {
    return true;
  }
  // A device node bound over a file is an entry of the folder of devices.
  ASSIGN_OR_RETURN(const std::optional<std::string> node, DeviceNumber(path));
  return node == wanted;
}

Result<VolumeUsage> SystemHost::Usage(const std::string& path) {
  VolumeUsage usage;
  ASSIGN_OR_RETURN(const std::optional<std::string> node, DeviceNumber(path));
  if (node) {
    usage.is_block = true;
    ASSIGN_OR_RETURN(usage.total_bytes, attach::DeviceSize(path));
    return usage;
  }
  ASSIGN_OR_RETURN(const attach::VolumeUsage measured, attach::MeasureUsage(path));
  usage.total_bytes = measured.total_bytes;
  usage.used_bytes = measured.used_bytes;
  usage.available_bytes = measured.available_bytes;
  usage.total_inodes = measured.total_inodes;
  usage.used_inodes = measured.used_inodes;
  usage.available_inodes = measured.available_inodes;
  return usage;
}

}  // namespace rbdcrypt::csi
