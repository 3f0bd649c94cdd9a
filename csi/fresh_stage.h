// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include "base/context.h"
#include "base/status.h"
#include "csi/stage_order.h"
#include "csi/staged_volume.h"
#include "rbd/attach/attacher.h"
#include "rbd/stage_flow.h"
#include "rbd/volume_location.h"

namespace rbdcrypt::csi {

// One stage from nothing to mounted, the steps of node_stage.h's table in order; knows what it did,
// to undo it. One thread, one Run(); all references must outlive it.
class FreshStage {
 public:
  FreshStage(const NodeParts& parts,
             const Context& context,
             const rbd::Caller& caller,
             const StageOrder& order,
             const StagedVolume& place)
      : parts_(parts), context_(context), caller_(caller), order_(order), place_(place) {}

  // Needs a staging path in which nothing of the volume is left. Errors as NodeStage::Stage.
  Status Run();

  // Takes down in reverse what Run() did, with time of its own; stops at what cannot be undone, so
  // that the records stay for an unstage.
  Status Undo();

 private:
  Status WriteIntent(rbd::attach::Attacher& attacher);
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
  const StagedVolume& place_;

  rbd::StageableVolume volume_;
  rbd::attach::Attacher* attacher_ = nullptr;
  rbd::attach::Attachment attachment_;
  rbd::attach::AttachmentKey key_;
  bool has_begun_ = false;
  bool has_attached_ = false;
  bool has_made_path_ = false;
};

}  // namespace rbdcrypt::csi
