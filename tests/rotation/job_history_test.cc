// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/job_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "k8s/time.h"

namespace rbdcrypt::rotation {
namespace {

using State = RotationJob::State;
using k8s::WallTime;
using std::chrono::hours;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const WallTime kTime = *k8s::ParseTime("2026-01-04T00:00:00Z");

// The run of `hour`, which took a second.
RotationJob Job(std::string name, State state, int hour) {
  RotationJob job;
  job.meta.name = std::move(name);
  job.state = state;
  job.scheduled_at = kTime + hours(hour);
  job.started = *job.scheduled_at;
  if (state != State::kActive) {
    job.completed = *job.started + seconds(1);
  }
  return job;
}

TEST(JobHistoryTest, WithoutJobsThereIsNone) {
  const JobHistory history = SummariseJobs({});
  EXPECT_EQ(history.active, nullptr);
  EXPECT_FALSE(history.last_schedule_time.has_value());
  EXPECT_FALSE(history.last_successful_time.has_value());
  EXPECT_EQ(CronJobStatus({}, history), Json::object());
}

TEST(JobHistoryTest, TheNewestRunAndTheNewestSuccessCount) {
  const std::vector<RotationJob> jobs = {
      Job("a", State::kSucceeded, 3), Job("b", State::kFailed, 4), Job("c", State::kSucceeded, 2)};
  const JobHistory history = SummariseJobs(jobs);
  EXPECT_EQ(history.active, nullptr);
  EXPECT_EQ(history.last_schedule_time, kTime + hours(4));
  EXPECT_EQ(history.last_successful_time, kTime + hours(3) + seconds(1));
}

TEST(JobHistoryTest, AJobWithoutTimesDoesNotMatter) {
  std::vector<RotationJob> jobs = {Job("a", State::kSucceeded, 3)};
  jobs.emplace_back().state = State::kSucceeded;
  EXPECT_EQ(SummariseJobs(jobs).last_schedule_time, kTime + hours(3));
  EXPECT_EQ(SummariseJobs(jobs).last_successful_time, kTime + hours(3) + seconds(1));
}

TEST(JobHistoryTest, TheStatusNamesTheActiveJob) {
  std::vector<RotationJob> jobs = {Job("a", State::kSucceeded, 3), Job("b", State::kActive, 4)};
  jobs[1].meta.ns = "shop";
  jobs[1].meta.uid = "u-4";
  EXPECT_EQ(CronJobStatus({}, SummariseJobs(jobs)), Json::parse(R"({
    "lastScheduleTime": "2026-01-04T04:00:00Z", "lastSuccessfulTime": "2026-01-04T03:00:01Z",
    "active": {"apiVersion": "csiaddons.openshift.io/v1alpha1", "kind": "EncryptionKeyRotationJob",
      "name": "b", "namespace": "shop", "uid": "u-4"}})"));
}

TEST(JobHistoryTest, TimesOutliveTheirJobs) {
  RotationCronJob cron_job;
  cron_job.last_schedule_time = kTime + hours(5);
  cron_job.last_successful_time = kTime;
  cron_job.active = "gone";
  const std::vector<RotationJob> jobs = {Job("a", State::kSucceeded, 3)};
  EXPECT_EQ(CronJobStatus(cron_job, SummariseJobs({})), Json::parse(R"({
    "lastScheduleTime": "2026-01-04T05:00:00Z", "lastSuccessfulTime": "2026-01-04T00:00:00Z"})"));
  EXPECT_EQ(CronJobStatus(cron_job, SummariseJobs(jobs)), Json::parse(R"({
    "lastScheduleTime": "2026-01-04T05:00:00Z", "lastSuccessfulTime": "2026-01-04T03:00:01Z"})"));
}

TEST(JobHistoryTest, TheOldestEndedJobsAreTooMany) {
  const std::vector<RotationJob> jobs = {
      Job("s4", State::kSucceeded, 4), Job("s1", State::kSucceeded, 1),
      Job("f3", State::kFailed, 3),    Job("s3", State::kSucceeded, 3),
      Job("f2", State::kFailed, 2),    Job("s2", State::kSucceeded, 2),
      Job("a0", State::kActive, 0)};
  RotationCronJob cron_job;
  EXPECT_THAT(SurplusJobs(cron_job, jobs), ElementsAre("f2", "s1"));
  cron_job.successful_history = 0;
  cron_job.failed_history = 0;
  EXPECT_THAT(SurplusJobs(cron_job, jobs), ElementsAre("f2", "f3", "s1", "s2", "s3", "s4"));
  cron_job.successful_history = 60;
  cron_job.failed_history = 60;
  EXPECT_THAT(SurplusJobs(cron_job, jobs), IsEmpty());
}

TEST(JobHistoryTest, AJobThatNeverBeganIsTheOldest) {
  std::vector<RotationJob> jobs = {Job("f1", State::kFailed, 1), Job("f0", State::kFailed, 2)};
  jobs[1].started.reset();
  EXPECT_THAT(SurplusJobs({}, jobs), ElementsAre("f0"));
}

TEST(JobHistoryTest, OnlyAControllerControls) {
  k8s::ObjectMeta owner;
  owner.uid = "u-1";
  k8s::ObjectMeta object;
  EXPECT_FALSE(IsControlledBy(object, owner));
  object.owners = {{.uid = "u-1", .is_controller = false}, {.uid = "u-2", .is_controller = true}};
  EXPECT_FALSE(IsControlledBy(object, owner));
  object.owners[0].is_controller = true;
  EXPECT_TRUE(IsControlledBy(object, owner));
}

}  // namespace
}  // namespace rbdcrypt::rotation
