// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/fence.h"

#include <algorithm>
#include <optional>

#include "base/crash_point.h"
#include "base/strings.h"

namespace rbdcrypt::rotation {
namespace {

using std::chrono::seconds;

// The most that one write to a key manager may take: less than what EnsureHeld() leaves of the lock
// (safety G1), so that none is begun under it and goes on behind it.
constexpr seconds kSendTime{60};
static_assert(kSendTime < rbd::kVolumeLockReserve);

}  // namespace

StoreFence::StoreFence(const Parts& parts) : parts_(parts), sent_(parts.image, parts.grace) {}

Result<bool> StoreFence::Exclude(const Context& context,
                                 const rbd::KeyslotInfo& slot,
                                 bool is_of_this_driver,
                                 const rbd::StoredDeks& deks) {
  if (!is_of_this_driver) {
    RETURN_IF_ERROR(CheckIsOld(context, slot));
  }
  if (parts_.store.MayBeOverwrittenLate()) {
    RETURN_IF_ERROR(CheckMaySend(context));
    return true;
  }
  return parts_.store->CanCompareAndSet() ? FenceByWriting(context, deks) : true;
}

Status StoreFence::CheckIsOld(const Context& context, const rbd::KeyslotInfo& slot) {
  ASSIGN_OR_RETURN(const seconds seen,
                   parts_.records.UnexplainedFor(slot.fingerprint, rbd::UnixTime(context.clock())));
  if (seen >= parts_.grace) {
    return OkStatus();
  }
  return Aborted(Cat("keyslot ", slot.number, " answers to no DEK that is stored, and was not ",
                     "added by this driver; its key may still be on its way to the key manager; ",
                     "it is dropped, and the rotation goes on, in ", (parts_.grace - seen).count(),
                     " s"));
}

Result<bool> StoreFence::FenceByWriting(const Context& context, const rbd::StoredDeks& deks) {
  if (fenced_version_.empty()) {
    ASSIGN_OR_RETURN(fenced_version_, Replace(context, deks.version(), deks.current()));
    RETURN_IF_ERROR(AfterEffect("rotation.store-fenced", OkStatus()));
    return false;
  }
  if (deks.version() != fenced_version_) {
    return Aborted(
        "the version that the key manager gave to the current DEK a moment ago is not "
        "the one that it has: somebody else wrote there, or it lost what it stored");
  }
  return true;
}

// What was sent, and what a create or rotation ended with: of an answered write an earlier try may
// still be on its way, too.
Result<seconds> StoreFence::SendingLeft(const Context& context) {
  ASSIGN_OR_RETURN(const std::optional<seconds> left, sent_.TimeLeft(context.clock()));
  ASSIGN_OR_RETURN(const std::optional<seconds> made_at, parts_.records.DekMadeAt());
  const seconds age = rbd::UnixTime(context.clock()) - made_at.value_or(seconds::zero());
  const bool is_of_a_wrong_clock = age < -parts_.grace;
  return std::max(left.value_or(seconds::zero()),
                  is_of_a_wrong_clock ? seconds::zero() : parts_.grace - age);
}

Status StoreFence::CheckMaySend(const Context& context) {
  if (!parts_.store.MayBeOverwrittenLate()) {
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const seconds left, SendingLeft(context));
  if (left <= seconds::zero()) {
    return OkStatus();
  }
  return Aborted(Cat("a DEK was sent to the key manager a short time ago; this one cannot compare ",
                     "and set, so that write may still arrive, and the next is sent only in ",
                     left.count(), " s; with KV version 2 nobody waits"));
}

// The lock is looked at after the announcement: whoever was stopped right there, and lost it, sends
// nothing when it goes on.
Status StoreFence::Send(const Context& context, const std::string& version, const Secret& dek) {
  if (parts_.store.MayBeOverwrittenLate()) {
    RETURN_IF_ERROR(CheckMaySend(context));
    RETURN_IF_ERROR(parts_.lock.EnsureHeld());
    RETURN_IF_ERROR(AfterEffect("rotation.dek-announced", sent_.Record(context.clock())));
  }
  return Replace(context, version, dek).status();
}

Result<std::string> StoreFence::Replace(const Context& context,
                                        const std::string& version,
                                        const Secret& dek) {
  RETURN_IF_ERROR(parts_.lock.EnsureHeld());
  const Context sending = context.WithTimeout(kSendTime);
  return parts_.store->Replace(sending, parts_.volume_id, version, dek);
}

}  // namespace rbdcrypt::rotation
