// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/attachers.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "csi/names.h"

namespace rbdcrypt::csi {

using rbd::attach::Attacher;
using rbd::attach::AttachmentKey;

namespace {

// krbd is the one mapper in the kernel; all others need no kernel feature of the image.
bool IsInUserSpace(const Attacher& attacher) {
  return attacher.name() != "krbd";
}

Status CanOpen(const Attacher& attacher, const rbd::StageableVolume& volume) {
  return volume.header.has_value()
             ? attacher.SupportsCipher(volume.header->cipher, volume.header->sector_bytes)
             : OkStatus();
}

}  // namespace

Attachers::Attachers(std::vector<Attacher*> usable, const std::vector<Attacher*>& retired)
    : usable_(std::move(usable)), all_(usable_) {
  RBDCRYPT_CHECK(!usable_.empty());
  all_.insert(all_.end(), retired.begin(), retired.end());
}

Result<Attacher*> Attachers::Preferred(const NodeParameters& parameters) const {
  if (parameters.mounter != "rbd-nbd") {
    return usable_.front();
  }
  const auto found = std::find_if(usable_.begin(), usable_.end(),
                                  [](const Attacher* each) { return IsInUserSpace(*each); });
  if (found != usable_.end()) {
    return *found;
  }
  return FailedPrecondition(
      Cat(kMounterParameter, ": rbd-nbd is asked for, but this node maps with ",
          usable_.front()->name(), " only; start the node with another attacher"));
}

Result<Attacher*> Attachers::Choose(const NodeParameters& parameters,
                                    const rbd::StageableVolume& volume) const {
  ASSIGN_OR_RETURN(Attacher * preferred, Preferred(parameters));
  const Status first = CanOpen(*preferred, volume);
  if (first.ok() || !parameters.may_try_other_mounters) {
    RETURN_IF_ERROR(first);
    return preferred;
  }
  for (Attacher* attacher : usable_) {
    if (CanOpen(*attacher, volume).ok()) {
      return attacher;
    }
  }
  return first;
}

Result<Attacher*> Attachers::Named(std::string_view name) const {
  for (Attacher* attacher : all_) {
    if (attacher->name() == name) {
      return attacher;
    }
  }
  return FailedPrecondition(Cat("the volume was attached by \"", name,
                                "\", which this node does not have any more; start the node with "
                                "that attacher to take it down"));
}

Result<Attacher*> Attachers::Holder(const Context& context, const AttachmentKey& key) const {
  for (Attacher* attacher : all_) {
    ASSIGN_OR_RETURN(const auto attachment, attacher->Find(context, key));
    if (attachment.has_value()) {
      return attacher;
    }
  }
  return static_cast<Attacher*>(nullptr);
}

}  // namespace rbdcrypt::csi
