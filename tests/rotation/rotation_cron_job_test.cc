// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/rotation_cron_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "k8s/time.h"
#include "rotation/rotation_job.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rotation {
namespace {

using k8s::WallTime;
using std::chrono::seconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::StatusIs;

constexpr auto kPvc = SchedulePrecedence::kPvc;
constexpr auto kClass = SchedulePrecedence::kStorageClass;

const WallTime kNow{seconds(1767486238)};

// As csi-addons makes one in storageclass mode, with the server's defaults.
constexpr std::string_view kCronJob = R"({
  "apiVersion": "csiaddons.openshift.io/v1alpha1", "kind": "EncryptionKeyRotationCronJob",
  "metadata": {"name": "data-keyrotation", "namespace": "shop", "uid": "u-2",
    "creationTimestamp": "2026-01-01T00:00:00Z",
    "annotations": {"csiaddons.openshift.io/state": "managed"},
    "ownerReferences": [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": "data",
      "uid": "u-1", "controller": true, "blockOwnerDeletion": true}]},
  "spec": {"schedule": "@weekly", "concurrencyPolicy": "Forbid",
    "failedJobsHistoryLimit": 1, "successfulJobsHistoryLimit": 3,
    "jobTemplate": {"metadata": {}, "spec": {"backOffLimit": 6, "retryDeadlineSeconds": 600,
      "target": {"persistentVolumeClaim": "data"}}}},
  "status": {"lastScheduleTime": "2026-01-04T00:23:58Z",
    "lastSuccessfulTime": "2026-01-04T00:24:10Z",
    "active": {"kind": "EncryptionKeyRotationJob", "name": "data-keyrotation-1767486238"}}})";

k8s::PersistentVolumeClaim Claim() {
  k8s::PersistentVolumeClaim claim;
  claim.meta.name = "data";
  claim.meta.ns = "shop";
  claim.meta.uid = "u-1";
  return claim;
}

TEST(RotationCronJobTest, OneOfCsiAddonsIsReadWhole) {
  ASSERT_OK_AND_ASSIGN(const RotationCronJob cron_job, ParseRotationCronJob(Json::parse(kCronJob)));
  EXPECT_EQ(cron_job.meta.name, "data-keyrotation");
  EXPECT_EQ(cron_job.schedule, "@weekly");
  EXPECT_FALSE(cron_job.is_suspended);
  EXPECT_FALSE(cron_job.replaces_active);
  EXPECT_FALSE(cron_job.starting_deadline.has_value());
  EXPECT_EQ(cron_job.failed_history, 1);
  EXPECT_EQ(cron_job.successful_history, 3);
  EXPECT_EQ(cron_job.last_schedule_time, kNow);
  EXPECT_EQ(cron_job.last_successful_time, kNow + seconds(12));
  EXPECT_EQ(cron_job.active, "data-keyrotation-1767486238");
}

TEST(RotationCronJobTest, WhatAUserChangedIsRead) {
  ASSERT_OK_AND_ASSIGN(const RotationCronJob cron_job, ParseRotationCronJob(Json::parse(R"({
    "spec": {"suspend": true, "concurrencyPolicy": "Replace", "startingDeadlineSeconds": 60,
      "failedJobsHistoryLimit": 0, "successfulJobsHistoryLimit": 1000}})")));
  EXPECT_TRUE(cron_job.is_suspended);
  EXPECT_TRUE(cron_job.replaces_active);
  EXPECT_EQ(cron_job.starting_deadline, seconds(60));
  EXPECT_EQ(cron_job.failed_history, 0);
  EXPECT_EQ(cron_job.successful_history, 60);
}

// csi-addons' controller ends on such objects.
TEST(RotationCronJobTest, LimitsThatAreNotThereAreTheDefaults) {
  ASSERT_OK_AND_ASSIGN(const RotationCronJob cron_job, ParseRotationCronJob(Json::object()));
  EXPECT_EQ(cron_job.failed_history, 1);
  EXPECT_EQ(cron_job.successful_history, 3);
  EXPECT_EQ(cron_job.job_template, Json::object());
}

TEST(RotationCronJobTest, AFieldOfTheWrongTypeIsNamed) {
  EXPECT_THAT(
      ParseRotationCronJob(Json::parse(R"({"spec": {"schedule": 5}})")),
      StatusIs(Code::kInvalidArgument, HasSubstr("EncryptionKeyRotationCronJob.spec.schedule")));
  EXPECT_THAT(ParseRotationCronJob(Json::parse(R"({"spec": {"suspend": "yes"}})")),
              StatusIs(Code::kInvalidArgument, HasSubstr("spec.suspend")));
}

TEST(RotationCronJobTest, NamesAreThoseOfCsiAddons) {
  EXPECT_EQ(CronJobName(kPvc, "data", kNow), "data-1767486238");
  EXPECT_EQ(CronJobName(kClass, "data", kNow), "data-keyrotation");
}

TEST(RotationCronJobTest, ALongNameLeavesRoomForItsJobs) {
  const std::string fits(242 - 12, 'a');
  EXPECT_EQ(CronJobName(kClass, fits, kNow), fits + "-keyrotation");
  const std::string longest(253, 'a');
  for (const auto precedence : {kPvc, kClass}) {
    const std::string name = CronJobName(precedence, longest, kNow);
    EXPECT_EQ(name.size(), 242U);
    EXPECT_THAT(name, StartsWith(std::string(200, 'a')));
    EXPECT_NE(name, CronJobName(precedence, std::string(252, 'a') + "b", kNow));
    EXPECT_EQ(name, CronJobName(precedence, longest, kNow));
  }
  EXPECT_THAT(CronJobName(kClass, longest, kNow), EndsWith("-keyrotation"));
}

// A name must not have a hyphen behind a point.
TEST(RotationCronJobTest, ALongNameIsNotCutBehindAPoint) {
  const std::string start(220, 'a');
  const std::string name = CronJobName(kClass, start + "." + std::string(30, 'b'), kNow);
  EXPECT_THAT(name, StartsWith(start + "-"));
  EXPECT_EQ(name.size(), 241U);
}

TEST(RotationCronJobTest, ANewOneIsAsCsiAddonsMakesIt) {
  Json expected = Json::parse(kCronJob);
  // What the server adds.
  expected.erase("status");
  expected["metadata"].erase("uid");
  expected["metadata"].erase("creationTimestamp");
  expected["spec"].erase("concurrencyPolicy");
  EXPECT_EQ(NewCronJob(Claim(), "data-keyrotation", "@weekly"), expected);
}

TEST(RotationCronJobTest, AJobIsMadeOfTheTemplate) {
  Json object = Json::parse(kCronJob);
  object["spec"]["jobTemplate"] = Json::parse(R"({
    "metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}},
    "spec": {"target": {"persistentVolumeClaim": "data"}, "timeout": 90, "later": true}})");
  ASSERT_OK_AND_ASSIGN(const RotationCronJob cron_job, ParseRotationCronJob(object));
  EXPECT_EQ(NewJob(cron_job, kNow), Json::parse(R"({
    "apiVersion": "csiaddons.openshift.io/v1alpha1", "kind": "EncryptionKeyRotationJob",
    "metadata": {"name": "data-keyrotation-1767486238", "namespace": "shop",
      "labels": {"team": "a"},
      "annotations": {"note": "b", "csiaddons.openshift.io/scheduled-at": "2026-01-04T00:23:58Z"},
      "ownerReferences": [{"apiVersion": "csiaddons.openshift.io/v1alpha1", "uid": "u-2",
        "kind": "EncryptionKeyRotationCronJob", "name": "data-keyrotation", "controller": true,
        "blockOwnerDeletion": true}]},
    "spec": {"target": {"persistentVolumeClaim": "data"}, "timeout": 90, "later": true}})"));
}

TEST(RotationCronJobTest, AJobIsReadBackAsItWasMeant) {
  ASSERT_OK_AND_ASSIGN(const RotationCronJob cron_job, ParseRotationCronJob(Json::parse(kCronJob)));
  ASSERT_OK_AND_ASSIGN(const RotationJob job, ParseRotationJob(NewJob(cron_job, kNow)));
  EXPECT_EQ(job.claim, "data");
  EXPECT_EQ(job.scheduled_at, kNow);
  EXPECT_TRUE(job.IsActive());
  ASSERT_EQ(job.meta.owners.size(), 1U);
  EXPECT_EQ(job.meta.owners[0].uid, "u-2");
}

}  // namespace
}  // namespace rbdcrypt::rotation
