// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/volume_lock.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/crash_point.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/uuid.h"

namespace rbdcrypt::rbd {
namespace {

// How long a fenced client stays shut out. Longer than any pause a process is likely to wake from,
// a suspended machine's weekend included; entries are rare, so the OSD map does not grow.
constexpr std::chrono::seconds kFenceDuration = std::chrono::hours(24 * 30);

// A lock renewed this recently needs no round trip.
constexpr std::chrono::seconds kRenewAfter{30};
static_assert(kVolumeLockDuration - kRenewAfter >= kVolumeLockReserve);

// A holder this young may not have opened the image yet; a dead one's watch lasts 30 s anyway
// (osd_client_watch_timeout).
constexpr std::chrono::seconds kYoung{40};

// Whether `record` is of an earlier run of the program that asks.
bool IsEarlierLife(const HolderRecord& record, const VolumeLock::Options& options) {
  return !options.identity.empty() && record.identity == options.identity;
}

Result<bool> StillWatches(const HolderRecord& record, Image& image) {
  ASSIGN_OR_RETURN(const std::vector<Watcher> watchers, image.Watchers());
  return std::any_of(watchers.begin(), watchers.end(),
                     [&record](const Watcher& watcher) { return record.Names(watcher.address); });
}

}  // namespace

LockName VolumeLockName(std::string_view volume_id) {
  const std::string suffix = "-mutexlock";
  std::string_view stem = volume_id;
  if (stem.size() + suffix.size() > kMaxLockNameBytes && stem.size() > kUuidChars) {
    stem.remove_prefix(stem.size() - kUuidChars);
  }
  return LockName{.object = std::string(volume_id),
                  .name = Cat(stem, suffix),
                  .cookie = Cat(volume_id, "-enc-key-rotate"),
                  .description = Cat("Key rotation mutex lock for ", volume_id)};
}

VolumeLock::VolumeLock(const Context& context, const Place& place, const Options& options)
    : context_(context),
      place_(place),
      name_(VolumeLockName(place.volume_id)),
      options_(options),
      renewed_at_(context.clock().Now()) {}

Result<std::unique_ptr<VolumeLock>> VolumeLock::Acquire(const Context& context,
                                                        const Place& place,
                                                        const Options& options) {
  RETURN_IF_ERROR(context.Check(Cat("lock volume ", place.volume_id)));
  std::unique_ptr<VolumeLock> lock(new VolumeLock(context, place, options));
  RETURN_IF_ERROR(lock->Introduce());
  Status taken = lock->TryTake();
  if (taken.code() == Code::kAborted) {
    ASSIGN_OR_RETURN(const bool replaced, lock->ReplaceDeadHolder());
    if (replaced) {
      taken = lock->TryTake();
    }
  }
  RETURN_IF_ERROR(Annotate(
      taken, Cat("volume ", place.volume_id, ": another operation on it is in flight; retry")));
  RETURN_IF_ERROR(lock->FenceOthers());
  return lock;
}

VolumeLock::~VolumeLock() {
  if (held_) {
    // It runs out by itself in 180 s if this fails; nobody is left to tell.
    static_cast<void>(AfterEffect("lock.released", place_.pool.locks().Release(name_, note_.key)));
  }
}

std::int64_t VolumeLock::NowUnixSeconds() const {
  const auto since_epoch = context_.clock().Wall().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count();
}

// Composes our own record.
Status VolumeLock::Introduce() {
  ASSIGN_OR_RETURN(record_.addresses, place_.connection.OwnAddresses());
  if (record_.addresses.empty()) {
    return Unavailable(Cat("volume ", place_.volume_id, ": this client has no address in Ceph"));
  }
  record_.identity = options_.identity;
  record_.process = options_.process;
  record_.since_unix_seconds = NowUnixSeconds();
  note_ = {.key = HolderKey(record_.addresses.front()), .value = FormatHolderRecord(record_)};
  return OkStatus();
}

Status VolumeLock::TryTake() {
  const Clock::TimePoint before = context_.clock().Now();
  RETURN_IF_ERROR(
      AfterEffect("lock.acquired", place_.pool.locks().Acquire(name_, options_.duration, note_)));
  renewed_at_ = before;
  held_ = true;
  return OkStatus();
}

// Whether the lock may be tried again at once.
Result<bool> VolumeLock::ReplaceDeadHolder() {
  ASSIGN_OR_RETURN(const std::optional<LockHolder> holder, place_.pool.locks().Holder(name_));
  if (!holder.has_value()) {
    return true;
  }
  ASSIGN_OR_RETURN(const std::vector<FoundHolder> found,
                   ReadHolders(place_.pool.omap(), name_.object));
  const auto named = std::find_if(found.begin(), found.end(), [&](const FoundHolder& each) {
    return each.record.Names(holder->address);
  });
  if (named == found.end()) {
    return false;
  }
  ASSIGN_OR_RETURN(const bool is_dead, IsDead(named->record));
  if (!is_dead) {
    return false;
  }
  const Status fenced = Fence(named->record);
  if (fenced.code() == Code::kPermissionDenied) {
    return false;
  }
  RETURN_IF_ERROR(fenced);
  RETURN_IF_ERROR(AfterEffect("lock.broken", place_.pool.locks().Break(name_, *holder)));
  return true;
}

Result<bool> VolumeLock::IsDead(const HolderRecord& record) {
  if (record.process == options_.process) {
    return false;
  }
  if (IsEarlierLife(record, options_)) {
    return true;
  }
  if (NowUnixSeconds() - record.since_unix_seconds < kYoung.count()) {
    return false;
  }
  Result<std::unique_ptr<Image>> image =
      place_.pool.images().Open(place_.image_name, OpenMode::kReadOnly);
  if (image.status().code() == Code::kNotFound) {
    return false;
  }
  RETURN_IF_ERROR(image.status());
  ASSIGN_OR_RETURN(const bool watches, StillWatches(record, **image));
  return !watches;
}

// Everybody but us who left a record; none of them may still be writing (safety G2).
Status VolumeLock::FenceOthers() {
  ASSIGN_OR_RETURN(const std::vector<FoundHolder> found,
                   ReadHolders(place_.pool.omap(), name_.object));
  for (const FoundHolder& holder : found) {
    if (holder.key != note_.key) {
      RETURN_IF_ERROR(Annotate(FenceOther(holder), Cat("volume ", place_.volume_id)));
    }
  }
  return OkStatus();
}

Status VolumeLock::FenceOther(const FoundHolder& holder) {
  const Status fenced = Fence(holder.record);
  if (fenced.code() == Code::kPermissionDenied) {
    RETURN_IF_ERROR(CheckGrace(holder, fenced));
  } else {
    RETURN_IF_ERROR(fenced);
    LogWarn("fenced_holder", {{"volume", place_.volume_id},
                              {"addresses", Join(holder.record.addresses, ",")},
                              {"holder", holder.record.identity},
                              {"request_id", context_.request_id()}});
    if (options_.metrics != nullptr) {
      options_.metrics->CountEvent("fenced_holder");
    }
  }
  return AfterEffect("lock.holder-forgotten",
                     ForgetHolder(place_.pool.omap(), name_.object, holder));
}

Status VolumeLock::Fence(const HolderRecord& record) {
  for (const std::string& address : record.addresses) {
    if (record_.Names(address) ||
        std::find(fenced_.begin(), fenced_.end(), address) != fenced_.end()) {
      continue;
    }
    const Status fenced =
        AfterEffect("lock.fenced", place_.connection.Blocklist(address, kFenceDuration));
    RETURN_IF_ERROR(Annotate(fenced, Cat("fence ", address)));
    fenced_.push_back(address);
  }
  return OkStatus();
}

// Ok: those who wait have seen the record for so long that its holder counts as gone.
Status VolumeLock::CheckGrace(const FoundHolder& holder, const Status& refusal) {
  const std::int64_t now = NowUnixSeconds();
  ASSIGN_OR_RETURN(const std::int64_t since, SeenSince(place_.pool.omap(), name_.object,
                                                       holder.record.addresses.front(), now));
  const std::int64_t waited = now - since;
  if (waited >= options_.orphan_grace.count()) {
    return OkStatus();
  }
  return Aborted(Cat("a holder of its lock (", Join(holder.record.addresses, ", "),
                     ") may still be writing and cannot be fenced (", Message(refusal),
                     "); allow the Ceph user 'osd blocklist', or retry in ",
                     options_.orphan_grace.count() - waited, " s"));
}

Status VolumeLock::EnsureHeld() {
  const Clock::TimePoint now = context_.clock().Now();
  if (now - renewed_at_ < kRenewAfter) {
    return OkStatus();
  }
  const Status renewed =
      AfterEffect("lock.renewed", place_.pool.locks().Renew(name_, options_.duration));
  if (!renewed.ok()) {
    held_ = false;
    return Annotate(renewed, Cat("volume ", place_.volume_id, ": its lock was lost; retry"));
  }
  renewed_at_ = now;
  return OkStatus();
}

Status VolumeLock::AlsoFence(const std::vector<std::string>& addresses) {
  HolderRecord wider = record_;
  wider.addresses.insert(wider.addresses.end(), addresses.begin(), addresses.end());
  LockNote note = {.key = note_.key, .value = FormatHolderRecord(wider)};
  RETURN_IF_ERROR(EnsureHeld());
  // Whoever took the lock from us meanwhile removed the record: then there is nothing to widen.
  const Status widened = AfterEffect(
      "lock.widened", place_.pool.omap().CompareAndSet(name_.object, note_.key, note_.value,
                                                       {{note.key, note.value}}));
  RETURN_IF_ERROR(Annotate(widened, Cat("volume ", place_.volume_id, ": its lock was lost")));
  record_ = std::move(wider);
  note_ = std::move(note);
  return OkStatus();
}

Status VolumeLock::RemoveObject() {
  RETURN_IF_ERROR(EnsureHeld());
  RETURN_IF_ERROR(
      AfterEffect("lock.object-removed", place_.pool.omap().RemoveObject(name_.object)));
  held_ = false;
  return OkStatus();
}

}  // namespace rbdcrypt::rbd
