// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Makes the objects of key rotation, for test_objects.py to show them to a real API server:
//
//   rotation_objects new-cron-job MODE   of a PVC, on the first Sunday of 2026; MODE: pvc, class
//   rotation_objects new-job             of a CronJob, for that time
//   rotation_objects failed              status of a Job after one more attempt that failed
//   rotation_objects succeeded           after one more that succeeded
//   rotation_objects summary             status of the CronJob of {"cronJob": …, "jobs": […]}
//
// The object is read from standard input; what is made goes to standard output.
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/strings.h"
#include "k8s/time.h"
#include "rotation/cron_job_plan.h"
#include "rotation/job_history.h"
#include "rotation/rotation_cron_job.h"
#include "rotation/rotation_job.h"

namespace rbdcrypt::rotation {
namespace {

const k8s::WallTime kSunday = *k8s::ParseTime("2026-01-04T00:23:58Z");

Result<Json> MakeCronJob(const Json& object, SchedulePrecedence precedence) {
  ASSIGN_OR_RETURN(const k8s::PersistentVolumeClaim claim, k8s::ParsePersistentVolumeClaim(object));
  return NewCronJob(claim, CronJobName(precedence, claim.meta.name, kSunday), "@weekly");
}

Result<Json> MakeJob(const Json& object) {
  ASSIGN_OR_RETURN(const RotationCronJob cron_job, ParseRotationCronJob(object));
  return NewJob(cron_job, kSunday);
}

Result<Json> Attempt(const Json& object, const Status& outcome) {
  ASSIGN_OR_RETURN(RotationJob job, ParseRotationJob(object));
  job.BeginAttempt(kSunday + std::chrono::seconds(job.retries));
  job.EndAttempt(outcome, kSunday + std::chrono::minutes(1));
  return Json{{"status", job.StatusJson()}};
}

Result<Json> Summary(const Json& object) {
  ASSIGN_OR_RETURN(const RotationCronJob cron_job, ParseRotationCronJob(object["cronJob"]));
  std::vector<RotationJob> jobs;
  for (const Json& each : object["jobs"]) {
    ASSIGN_OR_RETURN(RotationJob job, ParseRotationJob(each));
    jobs.push_back(std::move(job));
  }
  return Json{{"status", CronJobStatus(cron_job, SummariseJobs(jobs))}};
}

Result<Json> Make(std::string_view what, std::string_view mode, const Json& object) {
  if (what == "new-cron-job") {
    return MakeCronJob(
        object, mode == "class" ? SchedulePrecedence::kStorageClass : SchedulePrecedence::kPvc);
  }
  if (what == "new-job") {
    return MakeJob(object);
  }
  if (what == "failed") {
    return Attempt(object, Unavailable("the key manager is down"));
  }
  if (what == "succeeded") {
    return Attempt(object, OkStatus());
  }
  return what == "summary" ? Summary(object) : InvalidArgument(Cat(what, " is not known"));
}

Result<Json> Run(std::string_view what, std::string_view mode) {
  const std::string input((std::istreambuf_iterator<char>(std::cin)),
                          std::istreambuf_iterator<char>());
  ASSIGN_OR_RETURN(const Json object, ParseJson(input, "standard input"));
  return Make(what, mode, object);
}

}  // namespace
}  // namespace rbdcrypt::rotation

int main(int argc, char** argv) {
  const std::vector<std::string_view> words(argv, argv + argc);
  const auto made =
      rbdcrypt::rotation::Run(words.size() > 1 ? words[1] : "", words.size() > 2 ? words[2] : "");
  if (!made.ok()) {
    std::cerr << rbdcrypt::Message(made.status()) << "\n";
    return 1;
  }
  std::cout << made->dump() << "\n";
  return 0;
}
