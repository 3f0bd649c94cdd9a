// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/rotation_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "k8s/time.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rotation {
namespace {

using State = RotationJob::State;
using k8s::WallTime;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::StatusIs;

const WallTime kCreated = *k8s::ParseTime("2026-01-04T00:23:58Z");

// As csi-addons leaves one behind after a failure.
constexpr std::string_view kFailedOnce = R"({
  "apiVersion": "csiaddons.openshift.io/v1alpha1", "kind": "EncryptionKeyRotationJob",
  "metadata": {
    "name": "data-keyrotation-1767486238", "namespace": "shop", "uid": "u-3", "generation": 1,
    "creationTimestamp": "2026-01-04T00:23:58Z",
    "annotations": {"csiaddons.openshift.io/scheduled-at": "2026-01-04T00:23:58Z"},
    "ownerReferences": [{"apiVersion": "csiaddons.openshift.io/v1alpha1", "controller": true,
      "kind": "EncryptionKeyRotationCronJob", "name": "data-keyrotation", "uid": "u-2",
      "blockOwnerDeletion": true}]},
  "spec": {"target": {"persistentVolumeClaim": "data"}, "backOffLimit": 10,
    "retryDeadlineSeconds": 900, "timeout": 600},
  "status": {"retries": 1, "startTime": "2026-01-04T00:23:59Z",
    "conditions": [{"type": "Failed", "status": "True", "reason": "failed",
      "observedGeneration": 1, "lastTransitionTime": "2026-01-04T00:24:05Z",
      "message": "Failed to make node request: busy"}]}})";

RotationJob NewJob() {
  RotationJob job;
  job.meta.created = kCreated;
  job.generation = 3;
  job.claim = "data";
  return job;
}

TEST(RotationJobTest, AJobOfCsiAddonsIsReadWhole) {
  ASSERT_OK_AND_ASSIGN(const RotationJob job, ParseRotationJob(Json::parse(kFailedOnce)));
  EXPECT_EQ(job.meta.name, "data-keyrotation-1767486238");
  EXPECT_EQ(job.scheduled_at, kCreated);
  EXPECT_EQ(job.generation, 1);
  EXPECT_EQ(job.claim, "data");
  EXPECT_EQ(job.back_off_limit, 10);
  EXPECT_EQ(job.retry_deadline, seconds(900));
  EXPECT_EQ(job.timeout, seconds(600));
  EXPECT_TRUE(job.IsActive());
  EXPECT_EQ(job.retries, 1);
  EXPECT_EQ(job.started, kCreated + seconds(1));
  EXPECT_FALSE(job.completed.has_value());
  ASSERT_EQ(job.conditions.size(), 1U);
  EXPECT_EQ(job.conditions[0].message, "Failed to make node request: busy");
}

TEST(RotationJobTest, TheStatusIsWrittenAsItWasRead) {
  const Json object = Json::parse(kFailedOnce);
  ASSERT_OK_AND_ASSIGN(RotationJob job, ParseRotationJob(object));
  EXPECT_EQ(job.StatusJson(), object["status"]);
  job.EndAttempt(OkStatus(), kCreated + minutes(1));
  Json ended = {{"status", job.StatusJson()}};
  ASSERT_OK_AND_ASSIGN(const RotationJob again, ParseRotationJob(ended));
  EXPECT_EQ(again.state, State::kSucceeded);
  EXPECT_EQ(again.StatusJson(), ended["status"]);
}

TEST(RotationJobTest, WhatIsNotSaidAndZeroAreTheDefaults) {
  for (const char* text : {R"({})", R"({"spec": {"target": {}}})",
                           R"({"spec": {"backOffLimit": 0, "retryDeadlineSeconds": 0}})"}) {
    ASSERT_OK_AND_ASSIGN(const RotationJob job, ParseRotationJob(Json::parse(text)));
    EXPECT_EQ(job.back_off_limit, 6) << text;
    EXPECT_EQ(job.retry_deadline, seconds(600));
    EXPECT_EQ(job.timeout, minutes(3));
    EXPECT_EQ(job.claim, "");
    EXPECT_TRUE(job.IsActive());
    EXPECT_EQ(job.StatusJson(), Json::object());
  }
}

TEST(RotationJobTest, ValuesAreCutToWhatTheCrdAdmits) {
  ASSERT_OK_AND_ASSIGN(const RotationJob large, ParseRotationJob(Json::parse(R"({"spec": {
    "backOffLimit": 9223372036854775807, "retryDeadlineSeconds": 9223372036854775807,
    "timeout": 9223372036854775807}})")));
  EXPECT_EQ(large.back_off_limit, 60);
  EXPECT_EQ(large.retry_deadline, seconds(1800));
  EXPECT_EQ(large.timeout, std::chrono::hours(24));
  ASSERT_OK_AND_ASSIGN(const RotationJob small, ParseRotationJob(Json::parse(R"({"spec": {
    "backOffLimit": -1, "retryDeadlineSeconds": -1, "timeout": 0}, "status": {"retries": -5}})")));
  EXPECT_EQ(small.back_off_limit, 1);
  EXPECT_EQ(small.retry_deadline, seconds(1));
  EXPECT_EQ(small.timeout, seconds(60));
  EXPECT_EQ(small.retries, 0);
}

TEST(RotationJobTest, AFieldOfTheWrongTypeIsNamed) {
  EXPECT_THAT(
      ParseRotationJob(Json::parse(R"({"spec": {"target": {"persistentVolumeClaim": 1}}})")),
      StatusIs(Code::kInvalidArgument,
               HasSubstr("EncryptionKeyRotationJob.spec.target.persistentVolumeClaim")));
  EXPECT_THAT(ParseRotationJob(Json::parse(R"({"status": {"conditions": [{"type": 1}]}})")),
              StatusIs(Code::kInvalidArgument, HasSubstr("status.conditions[]")));
  EXPECT_THAT(ParseRotationJob(Json::parse(R"({"status": {"startTime": "today"}})")),
              StatusIs(Code::kInvalidArgument, HasSubstr("status.startTime")));
}

TEST(RotationJobTest, AnAttemptThatSucceedsEndsTheJob) {
  RotationJob job = NewJob();
  job.BeginAttempt(kCreated + seconds(1));
  EXPECT_TRUE(job.IsActive());
  job.EndAttempt(OkStatus(), kCreated + seconds(2));
  EXPECT_EQ(job.StatusJson(), Json::parse(R"({
    "result": "Succeeded", "message": "Key rotation operation successfully completed.",
    "startTime": "2026-01-04T00:23:59Z", "completionTime": "2026-01-04T00:24:00Z"})"));
}

TEST(RotationJobTest, WhatHasNothingToRotateSucceeds) {
  RotationJob job = NewJob();
  job.BeginAttempt(kCreated);
  job.EndAttempt(Unimplemented("it is not encrypted"), kCreated);
  EXPECT_EQ(job.state, State::kSucceeded);
}

TEST(RotationJobTest, AFailedAttemptLeavesAConditionAndIsRepeated) {
  RotationJob job = NewJob();
  job.BeginAttempt(kCreated + seconds(1));
  job.EndAttempt(Unavailable("the key manager is down"), kCreated + seconds(2));
  EXPECT_TRUE(job.IsActive());
  EXPECT_EQ(job.StatusJson(), Json::parse(R"({
    "startTime": "2026-01-04T00:23:59Z",
    "conditions": [{"type": "Failed", "status": "True", "reason": "failed",
      "message": "the key manager is down", "observedGeneration": 3,
      "lastTransitionTime": "2026-01-04T00:24:00Z"}]})"));
  job.BeginAttempt(kCreated + seconds(7));
  EXPECT_EQ(job.retries, 1);
  job.EndAttempt(OkStatus(), kCreated + seconds(8));
  EXPECT_EQ(job.state, State::kSucceeded);
  EXPECT_EQ(job.started, kCreated + seconds(1));
  // As with csi-addons, nothing clears it.
  EXPECT_EQ(job.conditions.size(), 1U);
}

TEST(RotationJobTest, ThereIsOneConditionForAllFailures) {
  RotationJob job = NewJob();
  job.conditions = {{.type = "Other", .status = "True", .reason = "mine"}};
  for (const char* text : {"first", "second"}) {
    job.BeginAttempt(kCreated);
    job.EndAttempt(Aborted(text), kCreated);
  }
  ASSERT_EQ(job.conditions.size(), 2U);
  EXPECT_EQ(job.conditions[0].reason, "mine");
  EXPECT_EQ(job.conditions[1].message, "second");
}

TEST(RotationJobTest, AttemptsEndAfterTheLimitsRetry) {
  RotationJob job = NewJob();
  job.back_off_limit = 2;
  int attempts = 0;
  for (; job.IsActive(); ++attempts) {
    job.BeginAttempt(kCreated + seconds(attempts));
    job.EndAttempt(Internal("no"), kCreated + seconds(attempts));
  }
  EXPECT_EQ(attempts, 3);
  EXPECT_EQ(job.state, State::kFailed);
  EXPECT_EQ(job.message, "Maximum retry limit reached");
  EXPECT_EQ(job.retries, 2);
  EXPECT_EQ(job.completed, kCreated + seconds(2));
}

TEST(RotationJobTest, NoRetryBeginsAfterTheDeadline) {
  RotationJob job = NewJob();
  job.BeginAttempt(kCreated);
  job.EndAttempt(Aborted("busy"), kCreated);
  job.BeginAttempt(kCreated + seconds(600));
  EXPECT_TRUE(job.IsActive());
  job.EndAttempt(Aborted("busy"), kCreated + seconds(600));
  job.BeginAttempt(kCreated + seconds(601));
  EXPECT_EQ(job.state, State::kFailed);
  EXPECT_EQ(job.message, "Time limit reached");
}

TEST(RotationJobTest, TheFirstAttemptIsMadeHoweverLate) {
  RotationJob job = NewJob();
  job.BeginAttempt(kCreated + std::chrono::hours(5));
  EXPECT_TRUE(job.IsActive());
  job.EndAttempt(OkStatus(), kCreated + std::chrono::hours(5));
  EXPECT_EQ(job.state, State::kSucceeded);
}

TEST(RotationJobTest, WithoutAClaimThereIsNoAttempt) {
  RotationJob job = NewJob();
  job.claim = "";
  job.BeginAttempt(kCreated);
  EXPECT_EQ(job.state, State::kFailed);
  EXPECT_THAT(job.message, HasSubstr("'PersistentVolumeClaim' is missing"));
  EXPECT_EQ(job.completed, kCreated);
}

// Condition.message has at most 32768 characters; a cut in the middle of one would be refused.
TEST(RotationJobTest, ALongTextIsCutAtACharacter) {
  RotationJob job = NewJob();
  std::string text = "a";
  while (text.size() < 40'000) {
    text += "\u00E9";
  }
  job.BeginAttempt(kCreated);
  job.EndAttempt(Internal(text), kCreated);
  EXPECT_EQ(job.conditions[0].message.size(), 32'767U);
  EXPECT_NO_THROW(static_cast<void>(job.StatusJson().dump()));
}

}  // namespace
}  // namespace rbdcrypt::rotation
