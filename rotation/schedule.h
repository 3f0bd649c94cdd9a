// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "k8s/objects.h"
#include "rotation/addons_config.h"

namespace rbdcrypt::rotation {

// Where an annotation stands.
enum class ScheduleLevel { kClaim, kNamespace, kStorageClass };

// "PersistentVolumeClaim", "Namespace", "StorageClass".
std::string_view LevelName(ScheduleLevel level);

// What decides about the schedule of one PVC. The objects must outlive it.
struct ScheduleSources {
  const k8s::PersistentVolumeClaim& claim;
  // Null: there is none, or none yet.
  const k8s::PersistentVolume* volume = nullptr;
  // Null: it could not be read.
  const k8s::Namespace* ns = nullptr;
  // Null: the PVC names none, or there is none of that name.
  const k8s::StorageClass* storage_class = nullptr;
  // Annotations of the CronJob that belongs to the PVC; null: there is none.
  const k8s::StringMap* cron_job = nullptr;
  // Whether the volume's driver can rotate keys. Asked for the Namespace's schedule alone, which is
  // written for all drivers' volumes.
  bool driver_rotates = true;
};

struct EffectiveSchedule {
  enum class Kind {
    // `text` counts.
    kScheduled,
    // Nobody asks for rotation: a CronJob that was made for the PVC goes.
    kNone,
    // Somebody said no; as kNone.
    kDisabled,
    // The CronJob is in somebody's hands: it stays as it is, and runs as it says.
    kUnmanaged,
    // Not a volume of ours to schedule: what exists stays as it is.
    kIgnored,
    // It cannot be decided yet: to be looked at again.
    kUndecided,
  };

  Kind kind = Kind::kUndecided;
  // Of kScheduled: cron text that CronSchedule::Parse takes.
  std::string text = {};
  // Of kScheduled and kDisabled: whose annotation it is.
  std::optional<ScheduleLevel> level = std::nullopt;
  // Of kIgnored and kUndecided: why.
  std::string reason = {};
  // For an Event, of kScheduled: what is wrong with the annotation, "" if nothing is.
  std::string warning = {};
};

// Decides as csi-addons' controller of that mode does (csi-and-addons 4.3):
//
//                           kPvc                              kStorageClass
//   schedule                PVC's, Namespace's, class's       class's alone
//   enable: "false"         on any of the three; "true"       class's alone
//                           below does not undo it
//   unreadable text         @weekly, with a warning           same; csi-addons' never runs
//   empty text              @weekly                           as if absent
//   PVC not Bound           kUndecided                        same
//   volume not CSI          kIgnored                          same
//   volume is missing       kUndecided                        kIgnored
//   PVC names no class      the others' annotations count     kIgnored
//   class is missing        kUndecided, unless disabled       kIgnored
//   driver cannot rotate    passes over the Namespace's       does not matter
//   CronJob not "managed"   kUnmanaged                        same
//
// It deviates on purpose (csi-and-addons 4.8): unreadable text, as said; and a PVC's schedule that
// is a copy of one above (kCopiedScheduleAnnotation) does not count as the PVC's own.
EffectiveSchedule DecideSchedule(SchedulePrecedence precedence, const ScheduleSources& sources);

}  // namespace rbdcrypt::rotation
