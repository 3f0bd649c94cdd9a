// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_host.h"

#include <algorithm>
#include <filesystem>

#include "base/strings.h"

namespace rbdcrypt::testing {
namespace {

bool Contains(const std::vector<std::string>& options, const std::string& option) {
  return std::find(options.begin(), options.end(), option) != options.end();
}

std::string WithOptions(const std::string& line, const std::vector<std::string>& options) {
  return options.empty() ? line : Cat(line, " ", Join(options, ","));
}

}  // namespace

void FakeHost::SetFilesystem(const std::string& device, const std::string& type) {
  absl::MutexLock lock(&mutex_);
  filesystems_[device] = type;
}

std::string FakeHost::FilesystemOn(const std::string& device) const {
  absl::MutexLock lock(&mutex_);
  const auto found = filesystems_.find(device);
  return found == filesystems_.end() ? "" : found->second;
}

void FakeHost::FailOnce(const std::string& prefix, const Status& error) {
  absl::MutexLock lock(&mutex_);
  failures_[prefix] = error;
}

void FakeHost::SetDead(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  mounts_.at(path).is_dead = true;
}

std::vector<std::string> FakeHost::effects() const {
  absl::MutexLock lock(&mutex_);
  return effects_;
}

void FakeHost::ClearEffects() {
  absl::MutexLock lock(&mutex_);
  effects_.clear();
}

std::vector<std::string> FakeHost::MountPoints() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> paths;
  for (const auto& [path, mounted] : mounts_) {
    paths.push_back(path);
  }
  return paths;
}

bool FakeHost::IsInUse(const std::string& device) const {
  absl::MutexLock lock(&mutex_);
  return std::any_of(mounts_.begin(), mounts_.end(),
                     [&](const auto& mount) { return mount.second.device == device; });
}

Status FakeHost::Begin(const Context& context, const std::string& line) {
  RETURN_IF_ERROR(context.Check(line));
  for (auto failure = failures_.begin(); failure != failures_.end(); ++failure) {
    if (line.starts_with(failure->first)) {
      const Status error = failure->second;
      failures_.erase(failure);
      return error;
    }
  }
  effects_.push_back(line);
  return OkStatus();
}

Status FakeHost::CheckTarget(const std::string& target) {
  if (!std::filesystem::exists(target)) {
    return NotFound(Cat("mount point ", target, " is not there"));
  }
  return mounts_.count(target) == 0 ? OkStatus()
                                    : FailedPrecondition(Cat(target, " is a mount point already"));
}

Result<std::string> FakeHost::ProbeFilesystem(const Context& context, const std::string& device) {
  RETURN_IF_ERROR(context.Check("probe"));
  return FilesystemOn(device);
}

Status FakeHost::MakeFilesystem(const Context& context, const csi::NewFilesystem& filesystem) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Begin(context, WithOptions(Cat("mkfs ", filesystem.type, " ", filesystem.device),
                                             filesystem.mkfs_options)));
  filesystems_[filesystem.device] = filesystem.type;
  return OkStatus();
}

Status FakeHost::CheckFilesystem(const Context& context,
                                 const std::string& device,
                                 const std::string& /*fs_type*/) {
  absl::MutexLock lock(&mutex_);
  return Begin(context, Cat("fsck ", device));
}

Status FakeHost::GrowFilesystem(const Context& context,
                                const std::string& /*device*/,
                                const std::string& mount_point) {
  absl::MutexLock lock(&mutex_);
  return Begin(context, Cat("grow ", mount_point));
}

Status FakeHost::Mount(const Context& context, const csi::DeviceMount& mount) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(CheckTarget(mount.target));
  if (filesystems_[mount.device] != mount.fs_type) {
    return InvalidArgument(Cat("mount ", mount.device, ": holds no ", mount.fs_type));
  }
  RETURN_IF_ERROR(
      Begin(context, WithOptions(Cat("mount ", mount.device, " ", mount.target), mount.options)));
  mounts_[mount.target] = {.device = mount.device,
                           .fs_type = mount.fs_type,
                           .is_read_only = Contains(mount.options, "ro")};
  return OkStatus();
}

Status FakeHost::Bind(const Context& context, const csi::BindMount& mount) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(CheckTarget(mount.target));
  RETURN_IF_ERROR(
      Begin(context, WithOptions(Cat("bind ", mount.source, " ", mount.target), mount.options)));
  const auto source = mounts_.find(mount.source);
  Mounted mounted = source == mounts_.end()
                        ? Mounted{.device = mount.source, .fs_type = "devtmpfs", .is_block = true}
                        : source->second;
  mounted.is_read_only = mounted.is_read_only || Contains(mount.options, "ro");
  mounts_[mount.target] = mounted;
  return OkStatus();
}

Status FakeHost::Unmount(const Context& context, const std::string& target) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Begin(context, Cat("unmount ", target)));
  mounts_.erase(target);
  return OkStatus();
}

Result<std::optional<csi::MountState>> FakeHost::FindMount(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  const auto found = mounts_.find(path);
  if (found == mounts_.end()) {
    return std::optional<csi::MountState>();
  }
  return std::optional<csi::MountState>(
      {.fs_type = found->second.fs_type, .is_read_only = found->second.is_read_only});
}

Result<std::vector<std::string>> FakeHost::MountPointsLike(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> paths;
  const auto like = mounts_.find(path);
  for (const auto& [other, mounted] : mounts_) {
    if (like != mounts_.end() && mounted.device == like->second.device) {
      paths.push_back(other);
    }
  }
  return paths;
}

Result<bool> FakeHost::IsBackedBy(const std::string& path, const std::string& device) {
  absl::MutexLock lock(&mutex_);
  const auto found = mounts_.find(path);
  return found != mounts_.end() && found->second.device == device;
}

Result<csi::VolumeUsage> FakeHost::Usage(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  const auto found = mounts_.find(path);
  if (found == mounts_.end() || found->second.is_dead) {
    return Unavailable(Cat("the file system at ", path, " does not answer"));
  }
  csi::VolumeUsage usage;
  usage.is_block = found->second.is_block;
  usage.total_bytes = 1000;
  if (!usage.is_block) {
    usage.used_bytes = 300;
    usage.available_bytes = 600;
    usage.total_inodes = 50;
    usage.used_inodes = 20;
    usage.available_inodes = 30;
  }
  return usage;
}

}  // namespace rbdcrypt::testing
