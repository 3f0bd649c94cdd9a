// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "k8s/objects.h"
#include "rotation/rotation_cron_job.h"
#include "rotation/schedule.h"

namespace rbdcrypt::rotation {

// The CronJob that stands for a PVC, of those in its namespace; null: there is none (csi-and-addons
// 4.3, "how an existing one is found"). By kPvc, the oldest of those that the PVC controls; by
// kStorageClass, the one of the fixed name, whoever controls it. In both, one that is not "managed"
// goes before others.
const RotationCronJob* FindCronJob(SchedulePrecedence precedence,
                                   const k8s::PersistentVolumeClaim& claim,
                                   std::span<const RotationCronJob> cron_jobs);

// What is to be done so that a PVC's CronJob says what its annotations say. Empty where nothing is.
//
// To be carried out in the order of the fields. Each step may be repeated; after a crash between
// two, the next plan has the rest.
struct CronJobPlan {
  // A merge patch of the PVC, its annotations: in pvc mode the CronJob's name and the schedule that
  // counts, as csi-addons writes them, and whether that was copied from above.
  std::optional<Json> claim_patch = {};
  // Names of CronJobs that are too many.
  std::vector<std::string> remove = {};
  // A merge patch of the CronJob with this name.
  std::optional<std::pair<std::string, Json>> update = {};
  std::optional<Json> create = {};

  bool IsEmpty() const {
    return !claim_patch.has_value() && remove.empty() && !update.has_value() && !create.has_value();
  }
};

// The plan, by what DecideSchedule said of FindCronJob's answer (csi-and-addons 4.3):
//
//   kScheduled    there is one CronJob with that schedule. Where it says another one, its spec is
//                 written anew: all of it by kPvc, with what a user changed in it; by kStorageClass
//                 all but what csi-addons does not set, "suspend" above all
//   kNone         there is none, and the PVC's copy of a schedule goes with it
//   kDisabled     there is none; the PVC stays as it is
//   else          everything stays
//
// It deviates from csi-addons in this: a CronJob with the right schedule is left alone, other
// changes of a user included; further CronJobs go only where they are "managed", also those of the
// other mode, which would rotate twice.
CronJobPlan PlanCronJob(SchedulePrecedence precedence,
                        const EffectiveSchedule& schedule,
                        const k8s::PersistentVolumeClaim& claim,
                        std::span<const RotationCronJob> cron_jobs,
                        k8s::WallTime now);

}  // namespace rbdcrypt::rotation
