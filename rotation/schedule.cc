// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/schedule.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "rotation/cron.h"
#include "rotation/names.h"

namespace rbdcrypt::rotation {
namespace {

using Kind = EffectiveSchedule::Kind;

// The value of `key`; null where there is none.
const std::string* Find(const k8s::StringMap& annotations, std::string_view key) {
  const auto found = annotations.find(key);
  return found == annotations.end() ? nullptr : &found->second;
}

bool IsDisabled(const k8s::ObjectMeta& meta) {
  const std::string* value = Find(meta.annotations, kEnableAnnotation);
  return value != nullptr && *value == kEnableFalse;
}

bool IsUnmanaged(const k8s::StringMap& cron_job) {
  const std::string* state = Find(cron_job, kStateAnnotation);
  return state != nullptr && *state != kStateManaged;
}

bool NamesClass(const k8s::PersistentVolumeClaim& claim) {
  return claim.storage_class.has_value() && !claim.storage_class->empty();
}

EffectiveSchedule Ignored(std::string_view reason) {
  return {.kind = Kind::kIgnored, .reason = std::string(reason)};
}

EffectiveSchedule Undecided(std::string_view reason) {
  return {.kind = Kind::kUndecided, .reason = std::string(reason)};
}

EffectiveSchedule Disabled(ScheduleLevel level) {
  return {.kind = Kind::kDisabled, .level = level};
}

EffectiveSchedule Scheduled(ScheduleLevel level, std::string_view text) {
  EffectiveSchedule schedule = {
      .kind = Kind::kScheduled, .text = std::string(text), .level = level};
  const Status status = CronSchedule::Parse(text).status();
  if (!status.ok()) {
    schedule.text = kDefaultSchedule;
  }
  if (!status.ok() && !text.empty()) {
    schedule.warning = Cat(LevelName(level), "'s annotation ", kScheduleAnnotation, ": \"", text,
                           "\": ", Message(status), "; ", kDefaultSchedule, " counts instead");
  }
  return schedule;
}

std::string MissingClass(const k8s::PersistentVolumeClaim& claim) {
  return Cat("there is no StorageClass \"", *claim.storage_class, "\"");
}

// The PVC's own text; null where it has none or has it from above.
const std::string* OwnText(const k8s::PersistentVolumeClaim& claim) {
  const std::string* text = Find(claim.meta.annotations, kScheduleAnnotation);
  const std::string* copied = Find(claim.meta.annotations, kCopiedScheduleAnnotation);
  const bool is_copy = text != nullptr && copied != nullptr && *text == *copied;
  return is_copy ? nullptr : text;
}

// The first of the three that has one, nobody having disabled it.
EffectiveSchedule FirstSchedule(const ScheduleSources& sources) {
  if (const std::string* text = OwnText(sources.claim); text != nullptr) {
    return Scheduled(ScheduleLevel::kClaim, *text);
  }
  const std::string* text = Find(sources.ns->meta.annotations, kScheduleAnnotation);
  if (text != nullptr && sources.driver_rotates) {
    return Scheduled(ScheduleLevel::kNamespace, *text);
  }
  text = sources.storage_class == nullptr
             ? nullptr
             : Find(sources.storage_class->meta.annotations, kScheduleAnnotation);
  if (text != nullptr) {
    return Scheduled(ScheduleLevel::kStorageClass, *text);
  }
  return {.kind = Kind::kNone};
}

// In the order of csi-addons' controller, which decides where several things are wrong.
EffectiveSchedule DecideByPvc(const ScheduleSources& sources) {
  if (IsDisabled(sources.claim.meta)) {
    return Disabled(ScheduleLevel::kClaim);
  }
  if (sources.ns == nullptr) {
    return Undecided("its Namespace could not be read");
  }
  if (IsDisabled(sources.ns->meta)) {
    return Disabled(ScheduleLevel::kNamespace);
  }
  if (NamesClass(sources.claim) && sources.storage_class == nullptr) {
    return Undecided(MissingClass(sources.claim));
  }
  if (sources.storage_class != nullptr && IsDisabled(sources.storage_class->meta)) {
    return Disabled(ScheduleLevel::kStorageClass);
  }
  return FirstSchedule(sources);
}

EffectiveSchedule DecideByStorageClass(const ScheduleSources& sources) {
  if (!NamesClass(sources.claim)) {
    return Ignored("it names no StorageClass");
  }
  if (sources.storage_class == nullptr) {
    return Ignored(MissingClass(sources.claim));
  }
  const k8s::ObjectMeta& meta = sources.storage_class->meta;
  const std::string* text = Find(meta.annotations, kScheduleAnnotation);
  if (IsDisabled(meta)) {
    return Disabled(ScheduleLevel::kStorageClass);
  }
  if (text == nullptr || text->empty()) {
    return {.kind = Kind::kNone};
  }
  return Scheduled(ScheduleLevel::kStorageClass, *text);
}

}  // namespace

std::string_view LevelName(ScheduleLevel level) {
  switch (level) {
    case ScheduleLevel::kClaim:
      return "PersistentVolumeClaim";
    case ScheduleLevel::kNamespace:
      return "Namespace";
    case ScheduleLevel::kStorageClass:
      return "StorageClass";
  }
  return "";
}

EffectiveSchedule DecideSchedule(SchedulePrecedence precedence, const ScheduleSources& sources) {
  const bool by_pvc = precedence == SchedulePrecedence::kPvc;
  if (sources.claim.phase != "Bound") {
    return Undecided("it is not Bound");
  }
  if (sources.volume == nullptr) {
    return by_pvc ? Undecided("its PersistentVolume is not there")
                  : Ignored("its PersistentVolume is not there");
  }
  if (!sources.volume->csi.has_value()) {
    return Ignored("its PersistentVolume is no CSI driver's");
  }
  if (sources.cron_job != nullptr && IsUnmanaged(*sources.cron_job)) {
    return {.kind = Kind::kUnmanaged};
  }
  return by_pvc ? DecideByPvc(sources) : DecideByStorageClass(sources);
}

}  // namespace rbdcrypt::rotation
