// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string>

#include "base/context.h"
#include "base/status.h"
#include "csi/attachers.h"
#include "csi/node_host.h"
#include "csi/staging_record.h"
#include "rbd/attach/attacher.h"

namespace rbdcrypt::csi {

// A volume that is attached here, and by whom.
struct HeldAttachment {
  rbd::attach::Attacher* attacher = nullptr;
  rbd::attach::Attachment attachment;
};

// One volume in one staging path, as its records tell (ceph-csi-compat 8.1). A copy of what was on
// disk when it was loaded; one thread.
class StagedVolume {
 public:
  // Also where nothing was ever staged. Symbolic links on the way to the staging path are resolved.
  // kDataLoss: a record is damaged, or of another volume.
  static Result<StagedVolume> Load(const std::string& staging_path, const std::string& volume_id);

  const std::string& staging_path() const { return staging_path_; }

  // "<staging path>/<volume ID>": the directory or file the volume is at.
  const std::string& path() const { return path_; }

  const std::string& volume_id() const { return volume_id_; }

  const StagingRecord& record() const { return record_; }

  const std::optional<StageIntent>& intent() const { return intent_; }

  const std::optional<ImageMeta>& meta() const { return meta_; }

  bool HasRecord() const { return intent_.has_value() || meta_.has_value(); }

  // What names its attachment; needs meta().
  rbd::attach::AttachmentKey Key() const;

  // What is attached for it now, checked to be this image's and alive (safety D1), or nothing.
  // kFailedPrecondition: attached by what this node does not have.
  Result<std::optional<HeldAttachment>> FindAttachment(const Context& context,
                                                       const Attachers& attachers) const;

  // Unmounts and removes what stands for it in its staging path; ok if nothing does.
  // kFailedPrecondition: in use, or not mounted and not empty.
  Status RemoveMount(const Context& context, NodeHost& host) const;

  // Takes the attachment down, or the half of one; ok without. Errors as FindAttachment and
  // Attacher::Detach.
  Status Detach(const Context& context, const Attachers& attachers) const;

 private:
  StagedVolume(const std::string& staging_path, const std::string& volume_id);
  Result<rbd::attach::Attacher*> FindAttacher(const Context& context,
                                              const Attachers& attachers) const;

  std::string volume_id_;
  std::string staging_path_;
  std::string path_;
  StagingRecord record_;
  std::optional<StageIntent> intent_;
  std::optional<ImageMeta> meta_;
};

}  // namespace rbdcrypt::csi
