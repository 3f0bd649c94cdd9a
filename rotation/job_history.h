// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "k8s/objects.h"
#include "rotation/rotation_cron_job.h"
#include "rotation/rotation_job.h"

namespace rbdcrypt::rotation {

// Whether `owner`, by its UID, controls the object.
bool IsControlledBy(const k8s::ObjectMeta& object, const k8s::ObjectMeta& owner);

// What the Jobs of one CronJob say together (csi-and-addons 3.2).
struct JobHistory {
  // One that has not ended; of several, the last of the list. Null: there is none.
  const RotationJob* active = nullptr;
  // The newest run that a Job was made for, and the newest success.
  std::optional<k8s::WallTime> last_schedule_time = {};
  std::optional<k8s::WallTime> last_successful_time = {};
};

// `jobs` must be the CronJob's own, and outlive the result.
JobHistory SummariseJobs(std::span<const RotationJob> jobs);

// The CronJob's "status" as it should be, whole. Times that are there already stay where the Jobs
// say nothing later: csi-addons loses them with its last Job, and runs a second time
// (csi-and-addons 3.2, "Defects").
Json CronJobStatus(const RotationCronJob& cron_job, const JobHistory& history);

// Names of the ended Jobs that the CronJob's limits leave no room for: the ones that began first,
// of those that failed and of those that succeeded, each for itself.
std::vector<std::string> SurplusJobs(const RotationCronJob& cron_job,
                                     std::span<const RotationJob> jobs);

}  // namespace rbdcrypt::rotation
