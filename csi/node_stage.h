// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>

#include "base/context.h"
#include "base/status.h"
#include "csi/stage_order.h"
#include "csi/staged_volume.h"
#include "rbd/volume_location.h"

namespace rbdcrypt::csi {

// Brings volumes to their staging path and takes them down again (ceph-csi-compat 5.4, 5.7, 8).
//
//   a crash after                left behind                       the next stage or unstage
//   node.intent                  rbdcrypt-stage.json               removes it
//   (rbd/stage_flow.h)           perhaps a new LUKS header         …, the flow takes it up again
//   node.image-meta              and image-meta.json               removes both
//   node.attached                and a mapped device               takes it down
//   node.mkfs                    and a file system, "making"       …, mkfs again under the lock
//   node.mount-point             and an empty directory or file    …, removes it
//   node.mounted                 staged, perhaps not grown         done; a stage grows it
//   node.grown                   staged                            done
//   node.unmounted               as after node.mount-point         goes on
//   node.mount-point-removed     as after node.attached            goes on
//   node.detached                as after node.image-meta          goes on
//   node.records-removed         nothing                           nothing to do
//
// A stage that finds less than a mounted volume first takes down all that is left, then begins
// anew: a device on which a killed stage's mkfs still runs is in use, and stays so until it ended.
// A stage that fails takes down in reverse what it did itself, and only that. Calls for one volume
// must not overlap; different volumes may.
class NodeStage {
 public:
  explicit NodeStage(const NodeParts& parts) : parts_(parts) {}

  // Ok if it is staged already in the same way: access type, read-only or not, file system. The
  // access mode may differ, since kubelets name the same use differently by version.
  // kAlreadyExists: staged in another way. kFailedPrecondition: what is mounted there is not this
  // volume; a file system was there and is not found; a blank volume is to be read only; no staging
  // path. kResourceExhausted, kUnavailable: no memory for a costly keyslot. Others as StageFlow and
  // Attacher give them.
  Status Stage(const Context& context, const rbd::Caller& caller, const StageOrder& order);

  // Works from the records alone, ceph-csi's included; ok if nothing is staged.
  // kFailedPrecondition: still in use. kDataLoss: a record is damaged; nothing was detached.
  Status Unstage(const Context& context,
                 const std::string& volume_id,
                 const std::string& staging_path);

 private:
  Status Confirm(const Context& context, const StageOrder& order, const StagedVolume& staged);

  NodeParts parts_;
};

}  // namespace rbdcrypt::csi
