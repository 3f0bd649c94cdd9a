// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/job_history.h"

#include <algorithm>
#include <cstddef>

#include "k8s/time.h"

namespace rbdcrypt::rotation {
namespace {

using Time = std::optional<k8s::WallTime>;

// The later one; none is earlier than any.
void Raise(Time& time, const Time& other) {
  time = std::max(time, other);
}

void SetTime(Json& status, const char* field, const Time& time) {
  if (time.has_value()) {
    status[field] = k8s::FormatTime(*time);
  }
}

void AppendSurplus(std::span<const RotationJob> jobs,
                   RotationJob::State state,
                   std::int64_t limit,
                   std::vector<std::string>& names) {
  std::vector<const RotationJob*> ended;
  for (const RotationJob& job : jobs) {
    if (job.state == state) {
      ended.push_back(&job);
    }
  }
  std::stable_sort(ended.begin(), ended.end(), [](const RotationJob* a, const RotationJob* b) {
    return a->started < b->started;
  });
  const auto kept = std::min(ended.size(), static_cast<std::size_t>(limit));
  for (std::size_t i = 0; i < ended.size() - kept; ++i) {
    names.push_back(ended[i]->meta.name);
  }
}

}  // namespace

bool IsControlledBy(const k8s::ObjectMeta& object, const k8s::ObjectMeta& owner) {
  return std::any_of(object.owners.begin(), object.owners.end(),
                     [&](const auto& each) { return each.is_controller && each.uid == owner.uid; });
}

JobHistory SummariseJobs(std::span<const RotationJob> jobs) {
  JobHistory history;
  for (const RotationJob& job : jobs) {
    if (job.IsActive()) {
      history.active = &job;
    }
    if (job.state == RotationJob::State::kSucceeded) {
      Raise(history.last_successful_time, job.completed);
    }
    Raise(history.last_schedule_time, job.scheduled_at);
  }
  return history;
}

Json CronJobStatus(const RotationCronJob& cron_job, const JobHistory& history) {
  Json status = Json::object();
  SetTime(status, "lastScheduleTime",
          std::max(cron_job.last_schedule_time, history.last_schedule_time));
  SetTime(status, "lastSuccessfulTime",
          std::max(cron_job.last_successful_time, history.last_successful_time));
  if (history.active != nullptr) {
    const k8s::ObjectMeta& job = history.active->meta;
    status["active"] = {{"apiVersion", kAddonsApiVersion},
                        {"kind", kJobKind},
                        {"name", job.name},
                        {"namespace", job.ns},
                        {"uid", job.uid}};
  }
  return status;
}

std::vector<std::string> SurplusJobs(const RotationCronJob& cron_job,
                                     std::span<const RotationJob> jobs) {
  std::vector<std::string> names;
  AppendSurplus(jobs, RotationJob::State::kFailed, cron_job.failed_history, names);
  AppendSurplus(jobs, RotationJob::State::kSucceeded, cron_job.successful_history, names);
  return names;
}

}  // namespace rbdcrypt::rotation
