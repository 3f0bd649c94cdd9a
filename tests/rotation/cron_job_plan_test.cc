// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/cron_job_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "k8s/time.h"
#include "rotation/names.h"

namespace rbdcrypt::rotation {
namespace {

using Kind = EffectiveSchedule::Kind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kPvc = SchedulePrecedence::kPvc;
constexpr auto kClass = SchedulePrecedence::kStorageClass;

constexpr char kSchedule[] = "keyrotation.csiaddons.openshift.io/schedule";
constexpr char kCronJob[] = "keyrotation.csiaddons.openshift.io/cronjob";
constexpr char kCopied[] = "rbdcrypt/copied-schedule";

const k8s::WallTime kNow{std::chrono::seconds(1767486238)};

EffectiveSchedule Scheduled(std::string text, ScheduleLevel level) {
  return {.kind = Kind::kScheduled, .text = std::move(text), .level = level};
}

const EffectiveSchedule kDaily = Scheduled("@daily", ScheduleLevel::kStorageClass);

struct World {
  World() {
    claim.meta.name = "data";
    claim.meta.ns = "shop";
    claim.meta.uid = "u-1";
  }

  // One that the PVC controls, made `hours` after another time.
  RotationCronJob& Add(std::string name, std::string schedule, int hours = 0) {
    RotationCronJob& added = cron_jobs.emplace_back();
    added.meta.name = std::move(name);
    added.meta.owners = {{.uid = "u-1", .is_controller = true}};
    added.meta.created = kNow + std::chrono::hours(hours);
    added.schedule = std::move(schedule);
    return added;
  }

  CronJobPlan Plan(SchedulePrecedence precedence, const EffectiveSchedule& schedule) const {
    return PlanCronJob(precedence, schedule, claim, cron_jobs, kNow);
  }

  std::string Found(SchedulePrecedence precedence) const {
    const RotationCronJob* found = FindCronJob(precedence, claim, cron_jobs);
    return found == nullptr ? "" : found->meta.name;
  }

  k8s::PersistentVolumeClaim claim;
  std::vector<RotationCronJob> cron_jobs;
};

Json Annotations(const std::optional<Json>& patch) {
  return patch.has_value() ? (*patch)["metadata"]["annotations"] : Json();
}

TEST(CronJobPlanTest, ANewScheduleMakesACronJobAndIsCopiedInPvcMode) {
  const World world;
  const CronJobPlan plan = world.Plan(kPvc, kDaily);
  EXPECT_EQ(plan.create, NewCronJob(world.claim, "data-1767486238", "@daily"));
  EXPECT_EQ(Annotations(plan.claim_patch),
            (Json{{kSchedule, "@daily"}, {kCopied, "@daily"}, {kCronJob, "data-1767486238"}}));
  EXPECT_THAT(plan.remove, IsEmpty());
  EXPECT_FALSE(plan.update.has_value());
}

TEST(CronJobPlanTest, ANewScheduleMakesACronJobAloneInStorageClassMode) {
  const World world;
  const CronJobPlan plan = world.Plan(kClass, kDaily);
  EXPECT_EQ(plan.create, NewCronJob(world.claim, "data-keyrotation", "@daily"));
  EXPECT_FALSE(plan.claim_patch.has_value());
}

TEST(CronJobPlanTest, TheClaimsOwnScheduleIsNoCopy) {
  World world;
  world.claim.meta.annotations = {{kSchedule, "soon"}, {kCopied, "@weekly"}};
  const CronJobPlan plan = world.Plan(kPvc, Scheduled("@weekly", ScheduleLevel::kClaim));
  EXPECT_EQ(Annotations(plan.claim_patch),
            (Json{{kSchedule, "@weekly"}, {kCopied, nullptr}, {kCronJob, "data-1767486238"}}));
}

TEST(CronJobPlanTest, WhereAllIsRightNothingIsWritten) {
  World world;
  world.claim.meta.annotations = {
      {kSchedule, "@daily"}, {kCopied, "@daily"}, {kCronJob, "data-1700000000"}};
  world.Add("data-1700000000", "@daily").is_suspended = true;
  EXPECT_TRUE(world.Plan(kPvc, kDaily).IsEmpty());
  world.cron_jobs.clear();
  world.Add("data-keyrotation", "@daily").is_suspended = true;
  EXPECT_TRUE(world.Plan(kClass, kDaily).IsEmpty());
}

TEST(CronJobPlanTest, AChangedScheduleRewritesTheSpecInPvcMode) {
  World world;
  world.Add("data-1700000000", "@weekly");
  const CronJobPlan plan = world.Plan(kPvc, kDaily);
  ASSERT_TRUE(plan.update.has_value());
  EXPECT_EQ(plan.update->first, "data-1700000000");
  Json spec = CronJobSpec("@daily", "data");
  spec["suspend"] = nullptr;
  spec["concurrencyPolicy"] = nullptr;
  spec["startingDeadlineSeconds"] = nullptr;
  EXPECT_EQ(plan.update->second, (Json{{"spec", spec}}));
  EXPECT_EQ(Annotations(plan.claim_patch)[kSchedule], "@daily");
  EXPECT_FALSE(plan.create.has_value());
}

TEST(CronJobPlanTest, AChangedScheduleKeepsSuspendInStorageClassMode) {
  World world;
  world.Add("data-keyrotation", "@weekly");
  const CronJobPlan plan = world.Plan(kClass, kDaily);
  ASSERT_TRUE(plan.update.has_value());
  EXPECT_EQ(plan.update->first, "data-keyrotation");
  EXPECT_EQ(plan.update->second,
            (Json{{"spec", CronJobSpec("@daily", "data")},
                  {"metadata", {{"annotations", {{kStateAnnotation, "managed"}}}}}}));
  EXPECT_FALSE(plan.claim_patch.has_value());
}

TEST(CronJobPlanTest, ARemovedScheduleRemovesTheCronJob) {
  World world;
  world.claim.meta.annotations = {{kCronJob, "data-1700000000"}};
  world.Add("data-1700000000", "@daily");
  const CronJobPlan plan = world.Plan(kPvc, {.kind = Kind::kNone});
  EXPECT_THAT(plan.remove, ElementsAre("data-1700000000"));
  // The annotation with its name stays behind, as with csi-addons.
  EXPECT_FALSE(plan.claim_patch.has_value());
  world.cron_jobs.clear();
  world.Add("data-keyrotation", "@daily");
  EXPECT_THAT(world.Plan(kClass, {.kind = Kind::kNone}).remove, ElementsAre("data-keyrotation"));
}

TEST(CronJobPlanTest, ACopyGoesWithWhatItWasCopiedFrom) {
  World world;
  world.claim.meta.annotations = {{kSchedule, "@daily"}, {kCopied, "@daily"}};
  EXPECT_EQ(Annotations(world.Plan(kPvc, {.kind = Kind::kNone}).claim_patch),
            (Json{{kSchedule, nullptr}, {kCopied, nullptr}}));
}

TEST(CronJobPlanTest, DisablingRemovesTheCronJobAndLeavesTheClaim) {
  World world;
  world.claim.meta.annotations = {{kSchedule, "@daily"}, {kCopied, "@daily"}};
  world.Add("data-1700000000", "@daily");
  const EffectiveSchedule disabled = {.kind = Kind::kDisabled, .level = ScheduleLevel::kNamespace};
  EXPECT_THAT(world.Plan(kPvc, disabled).remove, ElementsAre("data-1700000000"));
  EXPECT_FALSE(world.Plan(kPvc, disabled).claim_patch.has_value());
  world.Add("data-keyrotation", "@daily");
  EXPECT_THAT(world.Plan(kClass, disabled).remove,
              ElementsAre("data-1700000000", "data-keyrotation"));
}

TEST(CronJobPlanTest, WhateverElseIsDecidedChangesNothing) {
  World world;
  world.claim.meta.annotations = {{kSchedule, "@daily"}, {kCopied, "@daily"}};
  world.Add("data-1700000000", "@weekly");
  for (const Kind kind : {Kind::kUnmanaged, Kind::kIgnored, Kind::kUndecided}) {
    EXPECT_TRUE(world.Plan(kPvc, {.kind = kind}).IsEmpty());
    EXPECT_TRUE(world.Plan(kClass, {.kind = kind}).IsEmpty());
  }
}

TEST(CronJobPlanTest, ACronJobThatAUserDeletedIsMadeAnew) {
  World world;
  world.claim.meta.annotations = {
      {kSchedule, "@daily"}, {kCopied, "@daily"}, {kCronJob, "data-1700000000"}};
  const CronJobPlan plan = world.Plan(kPvc, kDaily);
  EXPECT_TRUE(plan.create.has_value());
  EXPECT_EQ(Annotations(plan.claim_patch), (Json{{kCronJob, "data-1767486238"}}));
}

TEST(CronJobPlanTest, TheOldestOfSeveralStaysInPvcMode) {
  World world;
  world.Add("data-3", "@daily", 3);
  world.Add("data-1", "@daily", 1);
  world.Add("data-2", "@daily", 2);
  EXPECT_EQ(world.Found(kPvc), "data-1");
  EXPECT_THAT(world.Plan(kPvc, kDaily).remove, ElementsAre("data-3", "data-2"));
}

TEST(CronJobPlanTest, TheOneOfTheFixedNameStaysInStorageClassMode) {
  World world;
  world.Add("data-1", "@daily", 1);
  EXPECT_EQ(world.Found(kClass), "");
  const CronJobPlan plan = world.Plan(kClass, kDaily);
  EXPECT_TRUE(plan.create.has_value());
  EXPECT_THAT(plan.remove, ElementsAre("data-1"));
  world.Add("data-keyrotation", "@daily", 2);
  EXPECT_EQ(world.Found(kClass), "data-keyrotation");
  EXPECT_EQ(world.Found(kPvc), "data-1");
}

TEST(CronJobPlanTest, OneOfAnotherClaimIsNobodysBusiness) {
  World world;
  world.Add("other-1", "@daily").meta.owners[0].uid = "u-9";
  EXPECT_EQ(world.Found(kPvc), "");
  EXPECT_EQ(world.Found(kClass), "");
  EXPECT_THAT(world.Plan(kPvc, {.kind = Kind::kNone}).remove, IsEmpty());
  // By its name alone it belongs to the PVC where the class counts.
  world.Add("data-keyrotation", "@weekly").meta.owners.clear();
  EXPECT_EQ(world.Found(kPvc), "");
  EXPECT_EQ(world.Found(kClass), "data-keyrotation");
  EXPECT_THAT(world.Plan(kClass, {.kind = Kind::kNone}).remove, ElementsAre("data-keyrotation"));
}

TEST(CronJobPlanTest, AnUnmanagedOneStandsForTheClaimAndIsNeverRemoved) {
  World world;
  world.Add("data-1", "@daily", 1);
  world.Add("data-2", "@daily", 2).meta.annotations[std::string(kStateAnnotation)] = "";
  EXPECT_EQ(world.Found(kPvc), "data-2");
  EXPECT_EQ(world.Found(kClass), "data-2");
  EXPECT_THAT(world.Plan(kPvc, {.kind = Kind::kNone}).remove, ElementsAre("data-1"));
}

}  // namespace
}  // namespace rbdcrypt::rotation
