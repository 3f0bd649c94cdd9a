// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/cron_job_plan.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "rotation/job_history.h"
#include "rotation/names.h"

namespace rbdcrypt::rotation {
namespace {

using Kind = EffectiveSchedule::Kind;

bool IsManaged(const RotationCronJob& cron_job) {
  const auto found = cron_job.meta.annotations.find(kStateAnnotation);
  return found == cron_job.meta.annotations.end() || found->second == kStateManaged;
}

// Adds to `patch` what makes the annotation `value`; null removes it.
void SetAnnotation(const k8s::StringMap& present,
                   std::string_view key,
                   const std::optional<std::string>& value,
                   std::optional<Json>& patch) {
  const auto found = present.find(key);
  const bool is_right = found == present.end() ? !value.has_value() : found->second == value;
  if (is_right) {
    return;
  }
  if (!patch.has_value()) {
    patch = Json::object();
  }
  (*patch)["metadata"]["annotations"][std::string(key)] =
      value.has_value() ? Json(*value) : Json(nullptr);
}

bool HasCopy(const k8s::StringMap& annotations) {
  const auto copied = annotations.find(kCopiedScheduleAnnotation);
  const auto schedule = annotations.find(kScheduleAnnotation);
  return copied != annotations.end() && schedule != annotations.end() &&
         copied->second == schedule->second;
}

// In pvc mode, where `schedule` counts and stands in the CronJob `name`.
std::optional<Json> ClaimPatch(const k8s::StringMap& annotations,
                               const EffectiveSchedule& schedule,
                               const std::string& name) {
  const bool is_copy = schedule.level != ScheduleLevel::kClaim;
  std::optional<Json> patch;
  SetAnnotation(annotations, kCronJobAnnotation, name, patch);
  SetAnnotation(annotations, kScheduleAnnotation, schedule.text, patch);
  SetAnnotation(annotations, kCopiedScheduleAnnotation,
                is_copy ? std::optional(schedule.text) : std::nullopt, patch);
  return patch;
}

// Where nothing is scheduled any more.
std::optional<Json> WithoutCopy(const k8s::StringMap& annotations) {
  std::optional<Json> patch;
  if (HasCopy(annotations)) {
    SetAnnotation(annotations, kScheduleAnnotation, std::nullopt, patch);
    SetAnnotation(annotations, kCopiedScheduleAnnotation, std::nullopt, patch);
  }
  return patch;
}

// What gives the CronJob a new schedule.
Json SchedulePatch(SchedulePrecedence precedence,
                   const EffectiveSchedule& schedule,
                   const std::string& claim) {
  Json patch = {{"spec", CronJobSpec(schedule.text, claim)}};
  if (precedence == SchedulePrecedence::kPvc) {
    for (const char* field : {"suspend", "concurrencyPolicy", "startingDeadlineSeconds"}) {
      patch["spec"][field] = nullptr;
    }
  } else {
    patch["metadata"]["annotations"][std::string(kStateAnnotation)] = kStateManaged;
  }
  return patch;
}

bool HasFixedName(const k8s::PersistentVolumeClaim& claim, const RotationCronJob& cron_job) {
  return cron_job.meta.name == CronJobName(SchedulePrecedence::kStorageClass, claim.meta.name, {});
}

// csi-addons finds them by their controller in the one mode, by their name in the other.
bool Belongs(SchedulePrecedence precedence,
             const k8s::PersistentVolumeClaim& claim,
             const RotationCronJob& cron_job) {
  return IsControlledBy(cron_job.meta, claim.meta) ||
         (precedence == SchedulePrecedence::kStorageClass && HasFixedName(claim, cron_job));
}

// The managed ones of a PVC, but for `kept`.
std::vector<std::string> Others(SchedulePrecedence precedence,
                                const k8s::PersistentVolumeClaim& claim,
                                std::span<const RotationCronJob> cron_jobs,
                                const RotationCronJob* kept) {
  std::vector<std::string> names;
  for (const RotationCronJob& each : cron_jobs) {
    if (&each != kept && Belongs(precedence, claim, each) && IsManaged(each)) {
      names.push_back(each.meta.name);
    }
  }
  return names;
}

}  // namespace

const RotationCronJob* FindCronJob(SchedulePrecedence precedence,
                                   const k8s::PersistentVolumeClaim& claim,
                                   std::span<const RotationCronJob> cron_jobs) {
  const auto rank = [](const RotationCronJob& each) {
    return std::make_tuple(IsManaged(each), each.meta.created, each.meta.name);
  };
  const RotationCronJob* found = nullptr;
  for (const RotationCronJob& each : cron_jobs) {
    const bool stands =
        Belongs(precedence, claim, each) &&
        (precedence == SchedulePrecedence::kPvc || !IsManaged(each) || HasFixedName(claim, each));
    if (stands && (found == nullptr || rank(each) < rank(*found))) {
      found = &each;
    }
  }
  return found;
}

CronJobPlan PlanCronJob(SchedulePrecedence precedence,
                        const EffectiveSchedule& schedule,
                        const k8s::PersistentVolumeClaim& claim,
                        std::span<const RotationCronJob> cron_jobs,
                        k8s::WallTime now) {
  CronJobPlan plan;
  const bool by_pvc = precedence == SchedulePrecedence::kPvc;
  if (schedule.kind == Kind::kNone || schedule.kind == Kind::kDisabled) {
    plan.remove = Others(precedence, claim, cron_jobs, nullptr);
    if (by_pvc && schedule.kind == Kind::kNone) {
      plan.claim_patch = WithoutCopy(claim.meta.annotations);
    }
  }
  if (schedule.kind != Kind::kScheduled) {
    return plan;
  }
  const RotationCronJob* kept = FindCronJob(precedence, claim, cron_jobs);
  const std::string name =
      kept != nullptr ? kept->meta.name : CronJobName(precedence, claim.meta.name, now);
  if (by_pvc) {
    plan.claim_patch = ClaimPatch(claim.meta.annotations, schedule, name);
  }
  plan.remove = Others(precedence, claim, cron_jobs, kept);
  if (kept == nullptr) {
    plan.create = NewCronJob(claim, name, schedule.text);
  } else if (kept->schedule != schedule.text) {
    plan.update.emplace(name, SchedulePatch(precedence, schedule, claim.meta.name));
  }
  return plan;
}

}  // namespace rbdcrypt::rotation
