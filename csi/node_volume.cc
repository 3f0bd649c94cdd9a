// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/node_volume.h"

#include <memory>
#include <vector>

#include "base/crash_point.h"
#include "base/strings.h"
#include "csi/names.h"
#include "csi/node_files.h"

namespace rbdcrypt::csi {
namespace {

// Safety D4: what sets the image's size itself does so alone. Where only this node writes, the
// controller is done by now.
Status CheckMayGrow(const ExpandOrder& order, const rbd::attach::Attacher& attacher) {
  if (!attacher.GrowResizesImage() || !order.is_multi_node_writer || order.take_lock) {
    return OkStatus();
  }
  return FailedPrecondition(
      Cat("volume ", order.volume_id, ": several nodes write to it, and to grow it the mapper ",
          attacher.name(), " needs the volume's lock, for which no secret came along; name one in ",
          "the StorageClass: ", kNodeExpandSecretParameter));
}

}  // namespace

// Tries each folder that may be the staging path: the two that were given, and the parent of every
// mount point that shows the same volume under its ID.
Result<StagedVolume> NodeVolume::FindStaged(const ExpandOrder& order) {
  std::vector<std::string> folders = {order.staging_path, order.volume_path};
  ASSIGN_OR_RETURN(const std::string volume_path, ResolvedPath(order.volume_path));
  ASSIGN_OR_RETURN(const std::vector<std::string> mounts, host_.MountPointsLike(volume_path));
  for (const std::string& mount : mounts) {
    if (mount.ends_with(Cat("/", order.volume_id))) {
      folders.push_back(ParentOf(mount));
    }
  }
  for (const std::string& folder : folders) {
    if (!folder.starts_with('/')) {
      continue;
    }
    ASSIGN_OR_RETURN(StagedVolume staged, StagedVolume::Load(folder, order.volume_id));
    ASSIGN_OR_RETURN(const auto mount, host_.FindMount(staged.path()));
    if (staged.meta() && mount) {
      return staged;
    }
  }
  return NotFound(
      Cat("volume ", order.volume_id, ": is not staged at or behind ", order.volume_path));
}

Status NodeVolume::Expand(const Context& context, const ExpandOrder& order) {
  ASSIGN_OR_RETURN(const StagedVolume staged, FindStaged(order));
  ASSIGN_OR_RETURN(const auto held, staged.FindAttachment(context, attachers_));
  if (!held) {
    return FailedPrecondition(
        Cat("volume ", order.volume_id, ": has lost its device; unstage it and stage it again"));
  }
  RETURN_IF_ERROR(CheckMayGrow(order, *held->attacher));
  std::unique_ptr<rbd::LockedVolume> locked;
  if (held->attacher->GrowResizesImage() && order.take_lock) {
    ASSIGN_OR_RETURN(locked, order.take_lock());
  }
  RETURN_IF_ERROR(held->attacher->Grow(context, staged.Key(), order.required_bytes).status());
  ASSIGN_OR_RETURN(const PathKind kind, KindOf(staged.path()));
  if (kind == PathKind::kFile) {
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const auto mount, host_.FindMount(staged.path()));
  if (mount && mount->is_read_only) {
    return FailedPrecondition(
        Cat("volume ", order.volume_id, ": is mounted read-only, so its file system cannot grow"));
  }
  return AfterEffect("node.grown",
                     host_.GrowFilesystem(context, held->attachment.device_path, staged.path()));
}

Result<VolumeHealth> NodeVolume::Stats(const std::string& requested_path) {
  ASSIGN_OR_RETURN(const std::string volume_path, ResolvedPath(requested_path));
  ASSIGN_OR_RETURN(const auto mount, host_.FindMount(volume_path));
  if (!mount) {
    return NotFound(Cat("volume_path: nothing is mounted at ", volume_path));
  }
  Result<VolumeUsage> usage = host_.Usage(volume_path);
  if (usage.status().code() == Code::kUnavailable) {
    return VolumeHealth{
        .usage = std::nullopt, .is_abnormal = true, .message = Message(usage.status())};
  }
  RETURN_IF_ERROR(usage.status());
  // ceph-csi's words (ceph-csi-compat 8.6).
  return VolumeHealth{.usage = *std::move(usage),
                      .is_abnormal = false,
                      .message = "volume is in a healthy condition"};
}

}  // namespace rbdcrypt::csi
