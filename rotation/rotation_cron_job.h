// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "k8s/api_path.h"
#include "k8s/objects.h"
#include "rotation/addons_config.h"
#include "rotation/names.h"

namespace rbdcrypt::rotation {

inline constexpr k8s::Resource kRotationCronJobs = {kAddonsGroup, kAddonsVersion,
                                                    "encryptionkeyrotationcronjobs"};

// How many ended Jobs are kept where the CronJob does not say, and at most (csi-and-addons 3.2).
inline constexpr std::int64_t kDefaultFailedHistory = 1;
inline constexpr std::int64_t kDefaultSuccessfulHistory = 3;
inline constexpr std::int64_t kMostHistory = 60;

// Longest name of a CronJob: with a hyphen and the seconds of a time, its Jobs' names keep to the
// 253 characters of any object's (Kubernetes, "Object Names and IDs").
inline constexpr std::size_t kLongestCronJobName = 242;

// An EncryptionKeyRotationCronJob: the schedule of one PVC's volume (csi-and-addons 3.2).
struct RotationCronJob {
  k8s::ObjectMeta meta = {};

  std::string schedule = {};
  bool is_suspended = false;
  // Whether the Job of a tick ends one that is still active ("Replace") or is left out.
  bool replaces_active = false;
  std::optional<std::chrono::seconds> starting_deadline = {};
  std::int64_t failed_history = kDefaultFailedHistory;
  std::int64_t successful_history = kDefaultSuccessfulHistory;
  // What its Jobs are made of: "metadata" and "spec", as they stand, unknown fields included.
  Json job_template = Json::object();

  std::optional<k8s::WallTime> last_schedule_time = {};
  std::optional<k8s::WallTime> last_successful_time = {};
  // Name of the active Job, "" of none.
  std::string active = {};
};

// kInvalidArgument: a field has the wrong type; the text names it.
Result<RotationCronJob> ParseRotationCronJob(const Json& object);

// What a new CronJob for a PVC is called (csi-and-addons 4.3): "<pvc>-<unix seconds>", or, where
// the classes' schedules count, "<pvc>-keyrotation", by which it is found again. A PVC's name that
// is too long for csi-addons is cut and has its hash behind it.
std::string CronJobName(SchedulePrecedence precedence, std::string_view claim, k8s::WallTime now);

// "spec" of a generated CronJob: `schedule`, the PVC `claim` as target, and csi-addons' numbers.
Json CronJobSpec(std::string_view schedule, std::string_view claim);

// A new CronJob for `claim`, which controls it: it goes when the PVC goes.
Json NewCronJob(const k8s::PersistentVolumeClaim& claim,
                std::string_view name,
                std::string_view schedule);

// The Job of one run, as the template says; controlled by the CronJob, named after it and the
// seconds of `scheduled_at`, so that making it twice is kAlreadyExists.
Json NewJob(const RotationCronJob& cron_job, k8s::WallTime scheduled_at);

}  // namespace rbdcrypt::rotation
