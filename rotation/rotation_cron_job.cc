// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/rotation_cron_job.h"

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "base/strings.h"
#include "k8s/fields.h"
#include "k8s/time.h"
#include "rotation/rotation_job.h"
#include "rotation/stagger.h"

namespace rbdcrypt::rotation {
namespace {

using k8s::Fields;
using k8s::WallTime;
using std::chrono::seconds;

std::int64_t HistoryLimit(Fields& spec, std::string_view field, std::int64_t otherwise) {
  return std::clamp<std::int64_t>(spec.OptionalInt(field).value_or(otherwise), 0, kMostHistory);
}

void ReadSpec(Fields& object, RotationCronJob& cron_job) {
  Fields spec = object.Part("spec");
  cron_job.schedule = spec.Text("schedule");
  cron_job.is_suspended = spec.Bool("suspend");
  cron_job.replaces_active = spec.Text("concurrencyPolicy") == kPolicyReplace;
  if (const auto deadline = spec.OptionalInt("startingDeadlineSeconds"); deadline.has_value()) {
    cron_job.starting_deadline = seconds(*deadline);
  }
  cron_job.failed_history = HistoryLimit(spec, "failedJobsHistoryLimit", kDefaultFailedHistory);
  cron_job.successful_history =
      HistoryLimit(spec, "successfulJobsHistoryLimit", kDefaultSuccessfulHistory);
  object.Check(spec.status());
}

void ReadStatus(Fields& object, RotationCronJob& cron_job) {
  Fields status = object.Part("status");
  cron_job.last_schedule_time = status.Time("lastScheduleTime");
  cron_job.last_successful_time = status.Time("lastSuccessfulTime");
  Fields active = status.Part("active");
  cron_job.active = active.Text("name");
  status.Check(active.status());
  object.Check(status.status());
}

// The object behind `field`, an empty one where there is none.
Json PartOf(const Json& object, std::string_view field) {
  const auto found = object.find(std::string(field));
  return found != object.end() && found->is_object() ? *found : Json::object();
}

Json OwnerJson(std::string_view api_version, std::string_view kind, const k8s::ObjectMeta& owner) {
  return {{"apiVersion", api_version}, {"kind", kind},       {"name", owner.name},
          {"uid", owner.uid},          {"controller", true}, {"blockOwnerDeletion", true}};
}

// `name` and `ending`, at most kLongestCronJobName long.
std::string Joined(std::string_view name, const std::string& ending) {
  if (name.size() + ending.size() <= kLongestCronJobName) {
    return Cat(name, ending);
  }
  const std::string hash = Cat('-', HexUint(Fnv1a32(name), 8));
  std::string cut(name.substr(0, kLongestCronJobName - ending.size() - hash.size()));
  while (!cut.empty() && (cut.back() == '.' || cut.back() == '-')) {
    cut.pop_back();
  }
  return Cat(cut, hash, ending);
}

std::int64_t UnixSeconds(WallTime time) {
  return std::chrono::floor<seconds>(time).time_since_epoch().count();
}

}  // namespace

Result<RotationCronJob> ParseRotationCronJob(const Json& object) {
  RotationCronJob cron_job;
  ASSIGN_OR_RETURN(cron_job.meta, k8s::ParseMeta(object, kCronJobKind));
  Fields fields(object, kCronJobKind);
  ReadSpec(fields, cron_job);
  ReadStatus(fields, cron_job);
  RETURN_IF_ERROR(fields.status());
  cron_job.job_template = PartOf(PartOf(object, "spec"), "jobTemplate");
  return cron_job;
}

std::string CronJobName(SchedulePrecedence precedence, std::string_view claim, WallTime now) {
  return Joined(
      claim, precedence == SchedulePrecedence::kPvc ? Cat('-', UnixSeconds(now)) : "-keyrotation");
}

Json CronJobSpec(std::string_view schedule, std::string_view claim) {
  return {{"schedule", schedule},
          {"jobTemplate",
           {{"metadata", Json::object()},
            {"spec",
             {{"target", {{"persistentVolumeClaim", claim}}},
              {"backOffLimit", kDefaultBackOffLimit},
              {"retryDeadlineSeconds", kDefaultRetryDeadline.count()}}}}},
          {"failedJobsHistoryLimit", kDefaultFailedHistory},
          {"successfulJobsHistoryLimit", kDefaultSuccessfulHistory}};
}

Json NewCronJob(const k8s::PersistentVolumeClaim& claim,
                std::string_view name,
                std::string_view schedule) {
  const Json owner = OwnerJson(k8s::kVersion1, "PersistentVolumeClaim", claim.meta);
  return {{"apiVersion", kAddonsApiVersion},
          {"kind", kCronJobKind},
          {"metadata",
           {{"name", name},
            {"namespace", claim.meta.ns},
            {"annotations", {{kStateAnnotation, kStateManaged}}},
            {"ownerReferences", Json::array({owner})}}},
          {"spec", CronJobSpec(schedule, claim.meta.name)}};
}

Json NewJob(const RotationCronJob& cron_job, WallTime scheduled_at) {
  const Json wanted = PartOf(cron_job.job_template, "metadata");
  const Json owner = OwnerJson(kAddonsApiVersion, kCronJobKind, cron_job.meta);
  Json meta = {{"name", Cat(cron_job.meta.name, '-', UnixSeconds(scheduled_at))},
               {"namespace", cron_job.meta.ns},
               {"annotations", PartOf(wanted, "annotations")},
               {"labels", PartOf(wanted, "labels")},
               {"ownerReferences", Json::array({owner})}};
  meta["annotations"][std::string(kScheduledAtAnnotation)] = k8s::FormatTime(scheduled_at);
  return {{"apiVersion", kAddonsApiVersion},
          {"kind", kJobKind},
          {"metadata", std::move(meta)},
          {"spec", PartOf(cron_job.job_template, "spec")}};
}

}  // namespace rbdcrypt::rotation
