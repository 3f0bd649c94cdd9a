// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/node_stage.h"

#include "base/crash_point.h"
#include "base/log.h"
#include "base/strings.h"
#include "csi/fresh_stage.h"
#include "csi/node_files.h"

namespace rbdcrypt::csi {
namespace {

Status CheckSameWay(const StageOrder& order, const StagedVolume& staged, const MountState& mount) {
  ASSIGN_OR_RETURN(const PathKind kind, KindOf(staged.path()));
  const bool is_block = kind == PathKind::kFile;
  // Of a block volume's bind mount the kernel tells the file system that holds the device node.
  const bool is_read_only =
      staged.intent() ? staged.intent()->is_read_only : !is_block && mount.is_read_only;
  const bool other_filesystem =
      !is_block && !order.access.fs_type.empty() && order.access.fs_type != mount.fs_type;
  if (is_block == order.access.is_block && is_read_only == order.access.IsReadOnly() &&
      !other_filesystem) {
    return OkStatus();
  }
  return AlreadyExists(Cat("volume ", order.volume_id, ": is staged at ", order.staging_path,
                           " with another capability (", is_block ? "block" : mount.fs_type,
                           is_read_only ? ", read-only" : "", "); unstage it first"));
}

}  // namespace

Status NodeStage::Stage(const Context& context,
                        const rbd::Caller& caller,
                        const StageOrder& order) {
  ASSIGN_OR_RETURN(const PathKind kind, KindOf(order.staging_path));
  if (kind != PathKind::kDirectory) {
    return FailedPrecondition(
        Cat("staging_target_path: ", order.staging_path, " is no directory; the caller makes it"));
  }
  ASSIGN_OR_RETURN(const StagedVolume staged,
                   StagedVolume::Load(order.staging_path, order.volume_id));
  ASSIGN_OR_RETURN(const auto mount, parts_.host.FindMount(staged.path()));
  if (mount) {
    RETURN_IF_ERROR(CheckSameWay(order, staged, *mount));
    return Confirm(context, order, staged);
  }
  RETURN_IF_ERROR(Annotate(Unstage(context, order.volume_id, order.staging_path),
                           "take down what an interrupted call left"));
  FreshStage stage(parts_, context, caller, order, staged);
  Status status = stage.Run();
  if (status.ok()) {
    return status;
  }
  if (const Status undone = stage.Undo(); !undone.ok()) {
    LogWarn("stage not undone; unstage will go on", {{"volume", order.volume_id},
                                                     {"request_id", context.request_id()},
                                                     {"error", Message(undone)}});
  }
  return status;
}

// Mounted is not enough: what is mounted has to be this volume, alive, and encrypted if it should
// be (safety A5, D1, D3).
Status NodeStage::Confirm(const Context& context,
                          const StageOrder& order,
                          const StagedVolume& staged) {
  const std::string named = Cat("volume ", order.volume_id, ": what is mounted at ", staged.path());
  if (!staged.meta()) {
    return FailedPrecondition(Cat(named, " has no record; look at it and unmount it by hand"));
  }
  if (order.parameters.encryption && !staged.meta()->encrypted) {
    return FailedPrecondition(Cat(named, " is not encrypted, but should be; unstage it"));
  }
  ASSIGN_OR_RETURN(const auto held, staged.FindAttachment(context, parts_.attachers));
  if (!held) {
    return FailedPrecondition(Cat(named, " has lost its device; unstage it"));
  }
  const std::string& device = held->attachment.device_path;
  ASSIGN_OR_RETURN(const bool is_ours, parts_.host.IsBackedBy(staged.path(), device));
  if (!is_ours) {
    return FailedPrecondition(Cat(named, " is not on its device ", device, "; unstage it"));
  }
  if (order.access.is_block || order.access.IsReadOnly()) {
    return OkStatus();
  }
  // The stage that mounted it may have died before this.
  return AfterEffect("node.grown", parts_.host.GrowFilesystem(context, device, staged.path()));
}

Status NodeStage::Unstage(const Context& context,
                          const std::string& volume_id,
                          const std::string& staging_path) {
  ASSIGN_OR_RETURN(const StagedVolume staged, StagedVolume::Load(staging_path, volume_id));
  RETURN_IF_ERROR(staged.RemoveMount(context, parts_.host));
  if (!staged.HasRecord()) {
    return OkStatus();
  }
  RETURN_IF_ERROR(context.Check(Cat("detach volume ", volume_id)));
  RETURN_IF_ERROR(AfterEffect("node.detached", staged.Detach(context, parts_.attachers)));
  return AfterEffect("node.records-removed", staged.record().Remove());
}

}  // namespace rbdcrypt::csi
