// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "csi/parameters.h"
#include "csi/staging_record.h"
#include "rbd/attach/attacher.h"
#include "rbd/stage_flow.h"

namespace rbdcrypt::csi {

// The ways to map an image that this node has. Immutable, thread safe.
class Attachers {
 public:
  // `usable`: what may attach, at least one, the preferred one first. `retired`: what may still
  // hold volumes that were staged before the node was configured otherwise; they are only found and
  // detached by it. All must outlive it.
  explicit Attachers(std::vector<rbd::attach::Attacher*> usable,
                     const std::vector<rbd::attach::Attacher*>& retired = {});

  // The first for a StorageClass's `mounter`: "rbd" takes what the node prefers, "rbd-nbd" one that
  // maps in user space. kFailedPrecondition: there is none.
  Result<rbd::attach::Attacher*> Preferred(const NodeParameters& parameters) const;

  // The preferred one, or, with tryOtherMounters, the first that can open such a header.
  // kInvalidArgument: none of them can; the text is the first one's.
  Result<rbd::attach::Attacher*> Choose(const NodeParameters& parameters,
                                        const rbd::StageableVolume& volume) const;

  // Of a staging record. kFailedPrecondition: this node does not have it any more.
  Result<rbd::attach::Attacher*> Named(std::string_view name) const;

  // Where no record names one (staged by ceph-csi): whoever finds the attachment, else null.
  Result<rbd::attach::Attacher*> Holder(const Context& context,
                                        const rbd::attach::AttachmentKey& key) const;

  // Retired ones included.
  const std::vector<rbd::attach::Attacher*>& all() const { return all_; }

 private:
  std::vector<rbd::attach::Attacher*> usable_;
  std::vector<rbd::attach::Attacher*> all_;
};

}  // namespace rbdcrypt::csi
