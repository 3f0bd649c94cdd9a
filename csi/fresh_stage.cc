// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/fresh_stage.h"

#include <chrono>
#include <memory>
#include <utility>

#include "base/crash_point.h"
#include "base/strings.h"
#include "csi/mount_options.h"
#include "csi/node_files.h"

namespace rbdcrypt::csi {

using rbd::attach::Attacher;

namespace {

// Undoing has time of its own: the call that failed may have run out of it.
constexpr std::chrono::seconds kUndoTime{60};

Context UndoContext(const Context& context) {
  return Context({.clock = &context.clock(),
                  .deadline = context.clock().Now() + kUndoTime,
                  .is_cancelled = nullptr,
                  .request_id = context.request_id()});
}

StageIntent IntentOf(const StageOrder& order,
                     const Attacher& attacher,
                     const rbd::StageableVolume& volume) {
  return {.volume_id = order.volume_id,
          .attacher = std::string(attacher.name()),
          .is_block = order.access.is_block,
          .is_read_only = order.access.IsReadOnly(),
          .fs_type = order.access.is_block ? "" : order.access.fs_type,
          .cluster_fsid = volume.cluster_fsid};
}

rbd::StageHints HintsOf(const StageOrder& order) {
  return {.encryption = order.parameters.encryption,
          .static_volume = order.static_volume,
          .is_block = order.access.is_block,
          .is_read_only = order.access.IsReadOnly(),
          .may_be_open_elsewhere = order.access.MayBeOpenElsewhere()};
}

}  // namespace

Status FreshStage::Run() {
  ASSIGN_OR_RETURN(Attacher * preferred, parts_.attachers.Preferred(order_.parameters));
  RETURN_IF_ERROR(WriteIntent(*preferred));
  ASSIGN_OR_RETURN(volume_,
                   parts_.flow.Prepare(context_, caller_, order_.volume_id, HintsOf(order_)));
  ASSIGN_OR_RETURN(Attacher * chosen, parts_.attachers.Choose(order_.parameters, volume_));
  if (chosen != preferred || !volume_.cluster_fsid.empty()) {
    RETURN_IF_ERROR(WriteIntent(*chosen));
  }
  RETURN_IF_ERROR(WriteImageMeta());
  RETURN_IF_ERROR(Attach());
  return order_.access.is_block ? BindBlock() : MountFilesystem();
}

Status FreshStage::WriteIntent(Attacher& attacher) {
  attacher_ = &attacher;
  has_begun_ = true;
  return AfterEffect("node.intent",
                     place_.record().WriteIntent(IntentOf(order_, attacher, volume_)));
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
          .unmap_options = meta.unmap_options,
          .cluster_fsid = volume_.cluster_fsid};
  return AfterEffect("node.image-meta", place_.record().WriteImageMeta(meta));
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
  request.may_hold_luks = order_.access.is_block;
  std::uint64_t kdf_memory_bytes = 0;
  if (volume_.header) {
    request.keyslot = volume_.header->keyslot;
    request.sector_bytes = volume_.header->sector_bytes;
    request.data_offset_bytes = volume_.header->data_offset_bytes;
    kdf_memory_bytes = attacher_->TriesEveryKeyslot() ? volume_.header->max_kdf_memory_bytes
                                                      : volume_.header->kdf_memory_bytes;
  }
  request.image_features = volume_.features;
  request.cluster_fsid = volume_.cluster_fsid;
  // What somebody else attached before stays when this stage fails; what this call began does not.
  has_attached_ = !found.has_value();
  ASSIGN_OR_RETURN(const rbd::luks::MemoryGate::Pass pass,
                   parts_.gate.Enter(context_, kdf_memory_bytes));
  ASSIGN_OR_RETURN(attachment_, attacher_->Attach(context_, request));
  // From here on the device's own client watches the image.
  volume_.watch.reset();
  return AfterEffect("node.attached", OkStatus());
}

Status FreshStage::BindBlock() {
  has_made_path_ = true;
  RETURN_IF_ERROR(AfterEffect("node.mount-point", MakeMountFile(place_.path())));
  const BindMount mount = {
      .source = attachment_.device_path, .target = place_.path(), .options = {}};
  return AfterEffect("node.mounted", parts_.host.Bind(context_, mount));
}

Status FreshStage::MountFilesystem() {
  const bool is_blank = volume_.filesystem == rbd::FilesystemState::kBlank;
  ASSIGN_OR_RETURN(const std::string fs_type, is_blank ? MakeFilesystem() : FindFilesystem());
  has_made_path_ = true;
  RETURN_IF_ERROR(AfterEffect("node.mount-point", MakeMountDirectory(place_.path())));
  const DeviceMount mount = {.device = attachment_.device_path,
                             .target = place_.path(),
                             .fs_type = fs_type,
                             .options = StageMountOptions(fs_type, order_.access)};
  RETURN_IF_ERROR(AfterEffect("node.mounted", parts_.host.Mount(context_, mount)));
  if (is_blank || order_.access.IsReadOnly()) {
    return OkStatus();
  }
  return AfterEffect("node.grown",
                     parts_.host.GrowFilesystem(context_, attachment_.device_path, place_.path()));
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
    RETURN_IF_ERROR(place_.RemoveMount(context, parts_.host));
  }
  if (has_attached_) {
    RETURN_IF_ERROR(AfterEffect("node.detached", attacher_->Detach(context, key_)));
  }
  return has_begun_ ? AfterEffect("node.records-removed", place_.record().Remove()) : OkStatus();
}

std::string FreshStage::Named(std::string_view text) const {
  return Cat("volume ", order_.volume_id, ": ", text);
}

}  // namespace rbdcrypt::csi
