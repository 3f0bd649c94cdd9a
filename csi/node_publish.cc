// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/node_publish.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/crash_point.h"
#include "base/strings.h"
#include "csi/mount_options.h"
#include "csi/node_files.h"

namespace rbdcrypt::csi {
namespace {

bool WantsReadOnly(const PublishOrder& order) {
  return order.is_read_only || order.access.IsReadOnly();
}

Status CheckAccessType(const PublishOrder& order, const std::string& staged_path) {
  ASSIGN_OR_RETURN(const PathKind kind, KindOf(staged_path));
  const bool is_block = kind == PathKind::kFile;
  if (is_block == order.access.is_block) {
    return OkStatus();
  }
  return FailedPrecondition(Cat("volume ", order.volume_id, ": is staged as ",
                                is_block ? "block" : "mount",
                                " volume, but published as the other"));
}

}  // namespace

Status NodePublish::Publish(const Context& context, const PublishOrder& requested) {
  PublishOrder order = requested;
  ASSIGN_OR_RETURN(order.target_path, ResolvedPath(requested.target_path));
  ASSIGN_OR_RETURN(const std::string staged_path,
                   ResolvedPath(Cat(order.staging_path, "/", order.volume_id)));
  ASSIGN_OR_RETURN(const auto staged, host_.FindMount(staged_path));
  if (order.staging_path.empty() || !staged) {
    return FailedPrecondition(Cat("volume ", order.volume_id, ": is not staged at \"",
                                  order.staging_path, "\"; NodeStageVolume comes first"));
  }
  RETURN_IF_ERROR(CheckAccessType(order, staged_path));
  RETURN_IF_ERROR(CheckTargets(order, staged_path));
  ASSIGN_OR_RETURN(const auto published, host_.FindMount(order.target_path));
  if (!published) {
    return BindNew(context, order, staged_path);
  }
  if (published->is_read_only == WantsReadOnly(order)) {
    return OkStatus();
  }
  return AlreadyExists(Cat("volume ", order.volume_id, ": is published at ", order.target_path,
                           published->is_read_only ? " read-only" : " for writing",
                           "; unpublish it first"));
}

// The matrix of CSI 1.12 for a second publish.
Status NodePublish::CheckTargets(const PublishOrder& order, const std::string& staged_path) {
  ASSIGN_OR_RETURN(const std::vector<std::string> mounts, host_.MountPointsLike(staged_path));
  const bool is_here = std::find(mounts.begin(), mounts.end(), order.target_path) != mounts.end();
  ASSIGN_OR_RETURN(const auto target, host_.FindMount(order.target_path));
  if (target && !is_here) {
    return AlreadyExists(
        Cat(order.target_path, ": something else than volume ", order.volume_id, " is mounted"));
  }
  if (order.access.mode != AccessMode::kSingleNodeSingleWriter) {
    return OkStatus();
  }
  const auto other = std::find_if(mounts.begin(), mounts.end(), [&](const std::string& mount) {
    return mount != staged_path && mount != order.target_path;
  });
  if (other == mounts.end()) {
    return OkStatus();
  }
  return FailedPrecondition(Cat("volume ", order.volume_id, ": is published at ", *other,
                                " already, and SINGLE_NODE_SINGLE_WRITER allows one target"));
}

Status NodePublish::BindNew(const Context& context,
                            const PublishOrder& order,
                            const std::string& staged_path) {
  ASSIGN_OR_RETURN(const PathKind before, KindOf(order.target_path));
  RETURN_IF_ERROR(AfterEffect("node.target", order.access.is_block
                                                 ? MakeMountFile(order.target_path)
                                                 : MakeMountDirectory(order.target_path)));
  const BindMount mount = {.source = staged_path,
                           .target = order.target_path,
                           .options = PublishMountOptions(order.access, WantsReadOnly(order))};
  Status bound = AfterEffect("node.published", host_.Bind(context, mount));
  if (!bound.ok() && before == PathKind::kAbsent) {
    // What cannot be removed, the next publish uses.
    static_cast<void>(RemoveMountPoint(order.target_path));
  }
  return bound;
}

Status NodePublish::Unpublish(const Context& context, const std::string& requested_path) {
  ASSIGN_OR_RETURN(const std::string target_path, ResolvedPath(requested_path));
  ASSIGN_OR_RETURN(const auto mount, host_.FindMount(target_path));
  if (mount) {
    RETURN_IF_ERROR(AfterEffect("node.unpublished", host_.Unmount(context, target_path)));
  }
  ASSIGN_OR_RETURN(const PathKind kind, KindOf(target_path));
  if (kind == PathKind::kAbsent) {
    return OkStatus();
  }
  return AfterEffect("node.target-removed", RemoveMountPoint(target_path));
}

}  // namespace rbdcrypt::csi
