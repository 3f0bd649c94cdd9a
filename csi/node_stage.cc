// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/node_stage.h"

#include <chrono>
#include <memory>
#include <utility>

#include "base/crash_point.h"
#include "base/log.h"
#include "base/strings.h"
#include "csi/mount_options.h"
#include "csi/node_files.h"

namespace rbdcrypt::csi {
namespace {

using rbd::attach::Attacher;
using rbd::attach::Attachment;

// Undoing has time of its own: the call that failed may have run out of it.
constexpr std::chrono::seconds kUndoTime{60};

Context UndoContext(const Context& context) {
  return Context({.clock = &context.clock(),
                  .deadline = context.clock().Now() + kUndoTime,
                  .is_cancelled = nullptr,
                  .request_id = context.request_id()});
}

// Unmounts and removes what stands for the volume in its staging path.
Status RemoveMount(const Context& context, NodeHost& host, const std::string& path) {
  ASSIGN_OR_RETURN(const auto mount, host.FindMount(path));
  if (mount) {
    RETURN_IF_ERROR(AfterEffect("node.unmounted", host.Unmount(context, path)));
  }
  ASSIGN_OR_RETURN(const PathKind kind, KindOf(path));
  return kind == PathKind::kAbsent
             ? OkStatus()
             : AfterEffect("node.mount-point-removed", RemoveMountPoint(path));
}

StageIntent IntentOf(const StageOrder& order, const Attacher& attacher) {
  return {.volume_id = order.volume_id,
          .attacher = std::string(attacher.name()),
          .is_block = order.access.is_block,
          .is_read_only = order.access.IsReadOnly(),
          .fs_type = order.access.is_block ? "" : order.access.fs_type};
}

rbd::StageHints HintsOf(const StageOrder& order) {
  return {.encryption = order.parameters.encryption,
          .static_volume = order.static_volume,
          .is_block = order.access.is_block,
          .is_read_only = order.access.IsReadOnly(),
          .may_be_open_elsewhere = order.access.MayBeOpenElsewhere()};
}

// One stage from nothing to mounted; knows what it did, to undo it.
class FreshStage {
 public:
  FreshStage(const NodeParts& parts,
             const Context& context,
             const rbd::Caller& caller,
             const StageOrder& order,
             const StagedVolume& place)
      : parts_(parts),
        context_(context),
        caller_(caller),
        order_(order),
        record_(place.record()),
        path_(place.path()) {}

  Status Run();

  // In reverse; stops at what cannot be undone, so that the records stay for an unstage.
  Status Undo();

 private:
  Status WriteIntent(Attacher& attacher);
  Status WriteImageMeta();
  Status Attach();
  Status BindBlock();
  Status MountFilesystem();
  Result<std::string> FindFilesystem();
  Result<std::string> MakeFilesystem();
  std::string Named(std::string_view text) const;

  const NodeParts& parts_;
  const Context& context_;
  const rbd::Caller& caller_;
  const StageOrder& order_;
  const StagingRecord& record_;
  const std::string path_;

  rbd::StageableVolume volume_;
  Attacher* attacher_ = nullptr;
  Attachment attachment_;
  rbd::attach::AttachmentKey key_;
  bool has_begun_ = false;
  bool has_attached_ = false;
  bool has_made_path_ = false;
};

Status FreshStage::Run() {
  ASSIGN_OR_RETURN(Attacher * preferred, parts_.attachers.Preferred(order_.parameters));
  RETURN_IF_ERROR(WriteIntent(*preferred));
  ASSIGN_OR_RETURN(volume_,
                   parts_.flow.Prepare(context_, caller_, order_.volume_id, HintsOf(order_)));
  ASSIGN_OR_RETURN(Attacher * chosen, parts_.attachers.Choose(order_.parameters, volume_));
  if (chosen != preferred) {
    RETURN_IF_ERROR(WriteIntent(*chosen));
  }
  RETURN_IF_ERROR(WriteImageMeta());
  RETURN_IF_ERROR(Attach());
  return order_.access.is_block ? BindBlock() : MountFilesystem();
}

Status FreshStage::WriteIntent(Attacher& attacher) {
  attacher_ = &attacher;
  has_begun_ = true;
  return AfterEffect("node.intent", record_.WriteIntent(IntentOf(order_, attacher)));
}

Status FreshStage::WriteImageMeta() {
  const ImageMeta meta = {.pool = volume_.pool,
                          .rados_namespace = volume_.rados_namespace,
                          .image = volume_.image_name,
                          .unmap_options = order_.parameters.unmap_options.For(attacher_->name()),
                          .is_rbd_nbd = false,
                          .encrypted = volume_.header.has_value(),
                          .device = ""};
  key_ = {.pool = meta.pool,
          .rados_namespace = meta.rados_namespace,
          .image = meta.image,
          .volume_id = order_.volume_id,
          .encrypted = meta.encrypted,
          .unmap_options = meta.unmap_options};
  return AfterEffect("node.image-meta", record_.WriteImageMeta(meta));
}

Status FreshStage::Attach() {
  ASSIGN_OR_RETURN(const auto found, attacher_->Find(context_, key_));
  const rbd::attach::ClusterAccess access = {.monitors = volume_.cluster.monitors,
                                             .user = caller_.credentials.user,
                                             .key = caller_.credentials.key.Clone()};
  rbd::attach::AttachRequest request = {
      .cluster = access,
      .pool = volume_.pool,
      .rados_namespace = volume_.rados_namespace,
      .image = volume_.image_name,
      .volume_id = order_.volume_id,
      .dek = volume_.header ? &volume_.header->dek : nullptr,
      .read_only = order_.access.IsReadOnly(),
      .map_options = order_.parameters.map_options.For(attacher_->name())};
  if (volume_.header) {
    request.sector_bytes = volume_.header->sector_bytes;
  }
  if (volume_.features != 0) {
    request.image_features = volume_.features;
  }
  // What somebody else attached before stays when this stage fails; what this call began does not.
  has_attached_ = !found.has_value();
  ASSIGN_OR_RETURN(
      const rbd::luks::MemoryGate::Pass pass,
      parts_.gate.Enter(context_, volume_.header ? volume_.header->kdf_memory_bytes : 0));
  ASSIGN_OR_RETURN(attachment_, attacher_->Attach(context_, request));
  return AfterEffect("node.attached", OkStatus());
}

Status FreshStage::BindBlock() {
  has_made_path_ = true;
  RETURN_IF_ERROR(AfterEffect("node.mount-point", MakeMountFile(path_)));
  const BindMount mount = {.source = attachment_.device_path, .target = path_, .options = {}};
  return AfterEffect("node.mounted", parts_.host.Bind(context_, mount));
}

Status FreshStage::MountFilesystem() {
  const bool is_blank = volume_.filesystem == rbd::FilesystemState::kBlank;
  ASSIGN_OR_RETURN(const std::string fs_type, is_blank ? MakeFilesystem() : FindFilesystem());
  has_made_path_ = true;
  RETURN_IF_ERROR(AfterEffect("node.mount-point", MakeMountDirectory(path_)));
  const DeviceMount mount = {.device = attachment_.device_path,
                             .target = path_,
                             .fs_type = fs_type,
                             .options = StageMountOptions(fs_type, order_.access)};
  RETURN_IF_ERROR(AfterEffect("node.mounted", parts_.host.Mount(context_, mount)));
  if (is_blank || order_.access.IsReadOnly()) {
    return OkStatus();
  }
  return AfterEffect("node.grown",
                     parts_.host.GrowFilesystem(context_, attachment_.device_path, path_));
}

Result<std::string> FreshStage::FindFilesystem() {
  const std::string& device = attachment_.device_path;
  ASSIGN_OR_RETURN(const std::string found, parts_.host.ProbeFilesystem(context_, device));
  if (found.empty()) {
    return FailedPrecondition(
        Named("it was written to before, but no file system is found on it; nothing is formatted. "
              "Look at it as a block volume, or restore it"));
  }
  const std::string& wanted = order_.access.fs_type;
  if (found != "ext4" && found != "xfs") {
    return FailedPrecondition(Named(Cat("holds ", found, ", which is neither ext4 nor xfs")));
  }
  if (!wanted.empty() && wanted != found) {
    return FailedPrecondition(Named(Cat("holds ", found, ", but ", wanted, " is asked for")));
  }
  if (!order_.access.IsReadOnly()) {
    RETURN_IF_ERROR(parts_.host.CheckFilesystem(context_, device, found));
  }
  return found;
}

Result<std::string> FreshStage::MakeFilesystem() {
  if (order_.access.IsReadOnly()) {
    return FailedPrecondition(
        Named("it is blank, and to be read only; stage it for writing first"));
  }
  const NewFilesystem filesystem = {
      .device = attachment_.device_path,
      .type = order_.access.fs_type.empty() ? std::string(kDefaultFsType) : order_.access.fs_type,
      .mkfs_options = order_.parameters.mkfs_options};
  rbd::StageHints hints = HintsOf(order_);
  // By ourselves: it is attached by now.
  hints.may_be_open_elsewhere = true;
  ASSIGN_OR_RETURN(const std::unique_ptr<rbd::FilesystemMaking> making,
                   parts_.flow.MakeFilesystem(context_, caller_, order_.volume_id, hints));
  RETURN_IF_ERROR(AfterEffect("node.mkfs", parts_.host.MakeFilesystem(context_, filesystem)));
  RETURN_IF_ERROR(making->Commit());
  return filesystem.type;
}

Status FreshStage::Undo() {
  const Context context = UndoContext(context_);
  if (has_made_path_) {
    RETURN_IF_ERROR(RemoveMount(context, parts_.host, path_));
  }
  if (has_attached_) {
    RETURN_IF_ERROR(AfterEffect("node.detached", attacher_->Detach(context, key_)));
  }
  return has_begun_ ? AfterEffect("node.records-removed", record_.Remove()) : OkStatus();
}

std::string FreshStage::Named(std::string_view text) const {
  return Cat("volume ", order_.volume_id, ": ", text);
}

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
  const Status status = stage.Run();
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
  RETURN_IF_ERROR(RemoveMount(context, parts_.host, staged.path()));
  if (!staged.HasRecord()) {
    return OkStatus();
  }
  RETURN_IF_ERROR(context.Check(Cat("detach volume ", volume_id)));
  RETURN_IF_ERROR(AfterEffect("node.detached", staged.Detach(context, parts_.attachers)));
  return AfterEffect("node.records-removed", staged.record().Remove());
}

}  // namespace rbdcrypt::csi
