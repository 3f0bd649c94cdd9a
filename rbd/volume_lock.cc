// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/volume_lock.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/crash_point.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"
#include "rbd/names.h"
#include "rbd/volume_id.h"

namespace rbdcrypt::rbd {
namespace {

// How long a fenced client stays shut out. Longer than any pause a process is likely to wake from,
// a suspended machine's weekend included; entries are rare, so the OSD map does not grow.
constexpr std::chrono::seconds kFenceDuration = std::chrono::hours(24 * 30);

// A lock renewed this recently needs no round trip.
constexpr std::chrono::seconds kRenewAfter{30};
static_assert(kVolumeLockDuration - kRenewAfter >= kVolumeLockReserve);

// What the holder leaves in the image's metadata.
struct HolderRecord {
  std::vector<std::string> addresses;
  std::string identity;
  std::string process;
  std::int64_t since_unix_seconds = 0;
};

std::int64_t UnixSeconds(const Context& context) {
  const auto since_epoch = context.clock().Wall().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count();
}

std::string ToText(const HolderRecord& record) {
  const Json json = {{"addresses", record.addresses},
                     {"identity", record.identity},
                     {"process", record.process},
                     {"since", record.since_unix_seconds}};
  return json.dump();
}

Result<HolderRecord> ParseRecord(const std::string& text) {
  ASSIGN_OR_RETURN(const Json json, ParseJson(text, kMetaHolder));
  HolderRecord record;
  ASSIGN_OR_RETURN(record.addresses, StringArray(json, "addresses", kMetaHolder));
  ASSIGN_OR_RETURN(record.identity, RequiredString(json, "identity", kMetaHolder));
  ASSIGN_OR_RETURN(record.process, RequiredString(json, "process", kMetaHolder));
  ASSIGN_OR_RETURN(const auto since, OptionalInt(json, "since", kMetaHolder));
  record.since_unix_seconds = since.value_or(0);
  return record;
}

// The record on the image, or nothing. A record nobody can read is an error: fencing whoever wrote
// it is impossible, and going on without is what the record is there to prevent.
Result<std::optional<HolderRecord>> ReadRecord(Image& image) {
  const Result<std::string> text = image.GetMetadata(kMetaHolder);
  if (text.status().code() == Code::kNotFound || (text.ok() && text->empty())) {
    return std::optional<HolderRecord>();
  }
  RETURN_IF_ERROR(text.status());
  ASSIGN_OR_RETURN(HolderRecord record, ParseRecord(*text));
  return std::optional<HolderRecord>(std::move(record));
}

bool Contains(const std::vector<std::string>& texts, const std::string& text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

bool Intersects(const std::vector<std::string>& left, const std::vector<std::string>& right) {
  return std::any_of(left.begin(), left.end(),
                     [&right](const std::string& text) { return Contains(right, text); });
}

// Whether `record` is of an earlier run of the program that asks.
bool IsEarlierLife(const HolderRecord& record, const VolumeLock::Options& options) {
  return !options.identity.empty() && record.identity == options.identity &&
         record.process != options.process;
}

Result<bool> StillWatches(const HolderRecord& record, Image& image) {
  ASSIGN_OR_RETURN(const std::vector<Watcher> watchers, image.Watchers());
  return std::any_of(watchers.begin(), watchers.end(), [&record](const Watcher& watcher) {
    return Contains(record.addresses, watcher.address);
  });
}

Status FenceAll(Connection& connection, const HolderRecord& record) {
  for (const std::string& address : record.addresses) {
    const Status fenced = AfterEffect("lock.fenced", connection.Blocklist(address, kFenceDuration));
    RETURN_IF_ERROR(Annotate(fenced, Cat("fence ", address)));
  }
  return OkStatus();
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
  Status taken = lock->TryTake();
  if (taken.code() == Code::kAborted) {
    ASSIGN_OR_RETURN(const bool replaced, lock->ReplaceDeadHolder());
    if (replaced) {
      taken = lock->TryTake();
    }
  }
  RETURN_IF_ERROR(Annotate(
      taken, Cat("volume ", place.volume_id, ": another operation on it is in flight; retry")));
  return lock;
}

VolumeLock::~VolumeLock() {
  if (held_) {
    // It runs out by itself in 180 s if this fails; nobody is left to tell.
    static_cast<void>(AfterEffect("lock.released", place_.pool.locks().Release(name_)));
  }
}

Status VolumeLock::TryTake() {
  const Clock::TimePoint before = context_.clock().Now();
  RETURN_IF_ERROR(
      AfterEffect("lock.acquired", place_.pool.locks().Acquire(name_, options_.duration)));
  renewed_at_ = before;
  held_ = true;
  return OkStatus();
}

Result<bool> VolumeLock::ReplaceDeadHolder() {
  Result<std::unique_ptr<Image>> image =
      place_.pool.images().Open(place_.image_name, OpenMode::kReadOnly);
  if (image.status().code() == Code::kNotFound) {
    return false;
  }
  RETURN_IF_ERROR(image.status());
  ASSIGN_OR_RETURN(const std::optional<HolderRecord> record, ReadRecord(**image));
  ASSIGN_OR_RETURN(const std::optional<LockHolder> holder, place_.pool.locks().Holder(name_));
  if (!holder.has_value()) {
    return true;
  }
  if (!record.has_value() || !Contains(record->addresses, holder->address)) {
    return false;
  }
  if (!IsEarlierLife(*record, options_)) {
    ASSIGN_OR_RETURN(const bool alive, StillWatches(*record, **image));
    if (alive) {
      return false;
    }
  }
  const Status fenced = FenceAll(place_.connection, *record);
  if (fenced.code() == Code::kPermissionDenied) {
    return false;
  }
  RETURN_IF_ERROR(fenced);
  RETURN_IF_ERROR(AfterEffect("lock.broken", place_.pool.locks().Break(name_, *holder)));
  return true;
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

Status VolumeLock::BeginWriting(Image& image) {
  RETURN_IF_ERROR(EnsureHeld());
  RETURN_IF_ERROR(FenceForeignHolder(image));
  HolderRecord record;
  ASSIGN_OR_RETURN(record.addresses, place_.connection.OwnAddresses());
  record.identity = options_.identity;
  record.process = options_.process;
  record.since_unix_seconds = UnixSeconds(context_);
  return AfterEffect("lock.holder-record", image.SetMetadata(kMetaHolder, ToText(record)));
}

Status VolumeLock::FenceForeignHolder(Image& image) {
  ASSIGN_OR_RETURN(const std::optional<HolderRecord> record, ReadRecord(image));
  if (!record.has_value()) {
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> own, place_.connection.OwnAddresses());
  if (Intersects(record->addresses, own)) {
    return OkStatus();
  }
  const Status fenced = FenceAll(place_.connection, *record);
  if (fenced.code() == Code::kPermissionDenied) {
    const auto age = UnixSeconds(context_) - record->since_unix_seconds;
    if (age < options_.orphan_grace.count()) {
      return Aborted(Cat("volume ", place_.volume_id, ": a holder of its lock (",
                         Join(record->addresses, ", "), ") may still be writing and cannot be ",
                         "fenced (", Message(fenced), "); allow the Ceph user 'osd blocklist', or ",
                         "retry in ", options_.orphan_grace.count() - age, " s"));
    }
    return OkStatus();
  }
  RETURN_IF_ERROR(fenced);
  LogWarn("fenced_holder", {{"volume", place_.volume_id},
                            {"addresses", Join(record->addresses, ",")},
                            {"holder", record->identity}});
  if (options_.metrics != nullptr) {
    options_.metrics->CountEvent("fenced_holder");
  }
  return OkStatus();
}

Status VolumeLock::EndWriting(Image& image) {
  return AfterEffect("lock.record-cleared", image.RemoveMetadata(kMetaHolder));
}

Status VolumeLock::RemoveObject() {
  RETURN_IF_ERROR(EnsureHeld());
  RETURN_IF_ERROR(place_.pool.omap().RemoveObject(name_.object));
  held_ = false;
  return OkStatus();
}

}  // namespace rbdcrypt::rbd
