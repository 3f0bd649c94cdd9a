// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/staged_volume.h"

#include <utility>

#include "base/crash_point.h"
#include "base/strings.h"
#include "csi/names.h"
#include "csi/node_files.h"

namespace rbdcrypt::csi {

using rbd::attach::Attacher;
using rbd::attach::AttachmentKey;

StagedVolume::StagedVolume(const std::string& staging_path, const std::string& volume_id)
    : volume_id_(volume_id),
      staging_path_(staging_path),
      path_(Cat(staging_path, "/", volume_id)),
      record_(staging_path) {}

Result<StagedVolume> StagedVolume::Load(const std::string& staging_path,
                                        const std::string& volume_id) {
  ASSIGN_OR_RETURN(const std::string path, ResolvedPath(Cat(staging_path, "/", volume_id)));
  StagedVolume volume(ParentOf(path), volume_id);
  ASSIGN_OR_RETURN(volume.intent_, volume.record_.ReadIntent());
  ASSIGN_OR_RETURN(volume.meta_, volume.record_.ReadImageMeta());
  if (volume.intent_ && volume.intent_->volume_id != volume_id) {
    return DataLoss(Cat(staging_path, "/", kStageRecordFile, ": is the record of volume ",
                        volume.intent_->volume_id, ", not of ", volume_id));
  }
  return volume;
}

AttachmentKey StagedVolume::Key() const {
  RBDCRYPT_CHECK(meta_.has_value());
  return {.pool = meta_->pool,
          .rados_namespace = meta_->rados_namespace,
          .image = meta_->image,
          .volume_id = volume_id_,
          .encrypted = meta_->encrypted,
          .unmap_options = meta_->unmap_options,
          .cluster_fsid = intent_ ? intent_->cluster_fsid : ""};
}

// Null: nobody holds it. With a record of ours it is who is named there, attached or not.
Result<Attacher*> StagedVolume::FindAttacher(const Context& context,
                                             const Attachers& attachers) const {
  if (!meta_) {
    return static_cast<Attacher*>(nullptr);
  }
  if (intent_) {
    return attachers.Named(intent_->attacher);
  }
  if (meta_->is_rbd_nbd) {
    return FailedPrecondition(Cat("volume ", volume_id_,
                                  ": was mapped by ceph-csi with rbd-nbd at ", meta_->device,
                                  "; close it and unmap it by hand, then remove the record"));
  }
  return attachers.Holder(context, Key());
}

Result<std::optional<HeldAttachment>> StagedVolume::FindAttachment(
    const Context& context, const Attachers& attachers) const {
  ASSIGN_OR_RETURN(Attacher * attacher, FindAttacher(context, attachers));
  if (attacher == nullptr) {
    return std::optional<HeldAttachment>();
  }
  ASSIGN_OR_RETURN(auto attachment, attacher->Find(context, Key()));
  if (!attachment) {
    return std::optional<HeldAttachment>();
  }
  return std::optional<HeldAttachment>(
      {.attacher = attacher, .attachment = *std::move(attachment)});
}

Status StagedVolume::RemoveMount(const Context& context, NodeHost& host) const {
  ASSIGN_OR_RETURN(const auto mount, host.FindMount(path_));
  if (mount) {
    RETURN_IF_ERROR(AfterEffect("node.unmounted", host.Unmount(context, path_)));
  }
  ASSIGN_OR_RETURN(const PathKind kind, KindOf(path_));
  return kind == PathKind::kAbsent
             ? OkStatus()
             : AfterEffect("node.mount-point-removed", RemoveMountPoint(path_));
}

Status StagedVolume::Detach(const Context& context, const Attachers& attachers) const {
  ASSIGN_OR_RETURN(Attacher * attacher, FindAttacher(context, attachers));
  if (attacher != nullptr || !meta_) {
    return attacher == nullptr ? OkStatus() : attacher->Detach(context, Key());
  }
  // Whoever mapped it may have died before it was whole.
  for (Attacher* each : attachers.all()) {
    RETURN_IF_ERROR(each->Detach(context, Key()));
  }
  return OkStatus();
}

}  // namespace rbdcrypt::csi
