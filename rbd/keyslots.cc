// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/keyslots.h"

#include <utility>

#include "base/encoding.h"
#include "base/sha256.h"
#include "base/strings.h"

namespace rbdcrypt::rbd {
namespace {

KeyslotInfo InfoOf(const luks::Keyslot& slot) {
  return {.number = slot.number,
          .fingerprint = HexEncode(Sha256(Cat(slot.number, " ", slot.kdf.salt))),
          .kdf_memory_bytes = slot.kdf.memory_kib * 1024};
}

Status NotLoaded() {
  return Internal("the header was not loaded, or is to be loaded again");
}

}  // namespace

Status LuksKeyslots::Load(const Context& context) {
  header_.reset();
  ASSIGN_OR_RETURN(header_, luks::Header::Load(context, io_, gate_));
  return OkStatus();
}

std::vector<KeyslotInfo> LuksKeyslots::Slots() const {
  std::vector<KeyslotInfo> slots;
  if (header_.has_value()) {
    for (const luks::Keyslot& slot : header_->layout().metadata.keyslots) {
      slots.push_back(InfoOf(slot));
    }
  }
  return slots;
}

Result<bool> LuksKeyslots::Opens(const Context& context, const Secret& dek, int number) {
  return header_.has_value() ? header_->OpensSlot(context, dek, number) : NotLoaded();
}

Result<KeyslotInfo> LuksKeyslots::Add(const Context& context,
                                      const Secret& known,
                                      const Secret& added) {
  if (!header_.has_value()) {
    return NotLoaded();
  }
  const Result<int> number = header_->AddKeyslot(context, known, added);
  if (!number.ok()) {
    header_.reset();
    return number.status();
  }
  return InfoOf(*header_->layout().FindKeyslot(*number));
}

Status LuksKeyslots::Drop(int number) {
  return header_.has_value() ? header_->DropKeyslot(number) : NotLoaded();
}

// Whatever comes of it, what this copy says is not to be built on: the image says it.
Status LuksKeyslots::Commit(const Context& context) {
  if (!header_.has_value()) {
    return NotLoaded();
  }
  luks::Header header = *std::exchange(header_, std::nullopt);
  return header.WriteBack(context, io_);
}

}  // namespace rbdcrypt::rbd
