// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rbdcrypt::rotation {
namespace {

using Kind = EffectiveSchedule::Kind;
using ::testing::HasSubstr;

constexpr char kSchedule[] = "keyrotation.csiaddons.openshift.io/schedule";
constexpr char kEnable[] = "keyrotation.csiaddons.openshift.io/enable";
constexpr char kState[] = "csiaddons.openshift.io/state";
constexpr char kCopied[] = "rbdcrypt/copied-schedule";

constexpr auto kPvc = SchedulePrecedence::kPvc;
constexpr auto kClass = SchedulePrecedence::kStorageClass;

// A bound PVC of a CSI driver, with a Namespace and a StorageClass, and no annotation anywhere.
struct World {
  World() {
    claim.phase = "Bound";
    claim.storage_class = "encrypted";
    volume.csi.emplace();
  }

  k8s::StringMap& OfClaim() { return claim.meta.annotations; }

  k8s::StringMap& OfNamespace() { return ns.meta.annotations; }

  k8s::StringMap& OfClass() { return storage_class.meta.annotations; }

  EffectiveSchedule Decide(SchedulePrecedence precedence) const {
    return DecideSchedule(precedence, {.claim = claim,
                                       .volume = has_volume ? &volume : nullptr,
                                       .ns = has_ns ? &ns : nullptr,
                                       .storage_class = has_class ? &storage_class : nullptr,
                                       .cron_job = has_cron_job ? &cron_job : nullptr,
                                       .driver_rotates = driver_rotates});
  }

  k8s::PersistentVolumeClaim claim;
  k8s::PersistentVolume volume;
  k8s::Namespace ns;
  k8s::StorageClass storage_class;
  k8s::StringMap cron_job;
  bool has_volume = true;
  bool has_ns = true;
  bool has_class = true;
  bool has_cron_job = false;
  bool driver_rotates = true;
};

// As `text` of `level`, without a warning.
void ExpectScheduled(const EffectiveSchedule& schedule,
                     std::string_view text,
                     ScheduleLevel level) {
  EXPECT_EQ(schedule.kind, Kind::kScheduled);
  EXPECT_EQ(schedule.text, text);
  EXPECT_EQ(schedule.level, level);
  EXPECT_EQ(schedule.warning, "");
}

TEST(ScheduleTest, WithoutAnnotationsNothingIsScheduled) {
  const World world;
  EXPECT_EQ(world.Decide(kPvc).kind, Kind::kNone);
  EXPECT_EQ(world.Decide(kClass).kind, Kind::kNone);
}

TEST(ScheduleTest, TheFirstOfThreeLevelsCountsInPvcMode) {
  World world;
  world.OfClass()[kSchedule] = "@monthly";
  ExpectScheduled(world.Decide(kPvc), "@monthly", ScheduleLevel::kStorageClass);
  world.OfNamespace()[kSchedule] = "@daily";
  ExpectScheduled(world.Decide(kPvc), "@daily", ScheduleLevel::kNamespace);
  world.OfClaim()[kSchedule] = "@hourly";
  ExpectScheduled(world.Decide(kPvc), "@hourly", ScheduleLevel::kClaim);
}

TEST(ScheduleTest, TheClassAloneCountsInStorageClassMode) {
  World world;
  world.OfNamespace()[kSchedule] = "@daily";
  world.OfClaim()[kSchedule] = "@hourly";
  EXPECT_EQ(world.Decide(kClass).kind, Kind::kNone);
  world.OfClass()[kSchedule] = "@monthly";
  ExpectScheduled(world.Decide(kClass), "@monthly", ScheduleLevel::kStorageClass);
}

TEST(ScheduleTest, FalseOnAnyLevelDisablesInPvcMode) {
  const ScheduleLevel levels[] = {ScheduleLevel::kClaim, ScheduleLevel::kNamespace,
                                  ScheduleLevel::kStorageClass};
  for (const ScheduleLevel level : levels) {
    World world;
    world.OfClaim() = {{kSchedule, "@hourly"}, {kEnable, "true"}};
    world.OfNamespace() = {{kSchedule, "@daily"}, {kEnable, "true"}};
    world.OfClass() = {{kSchedule, "@monthly"}, {kEnable, "true"}};
    k8s::StringMap* const all[] = {&world.OfClaim(), &world.OfNamespace(), &world.OfClass()};
    (*all[static_cast<int>(level)])[kEnable] = "false";
    EXPECT_EQ(world.Decide(kPvc).kind, Kind::kDisabled) << LevelName(level);
    EXPECT_EQ(world.Decide(kPvc).level, level);
  }
}

TEST(ScheduleTest, FalseOnTheClassAloneDisablesInStorageClassMode) {
  World world;
  world.OfClass() = {{kSchedule, "@monthly"}};
  world.OfClaim()[kEnable] = "false";
  world.OfNamespace()[kEnable] = "false";
  ExpectScheduled(world.Decide(kClass), "@monthly", ScheduleLevel::kStorageClass);
  world.OfClass()[kEnable] = "false";
  EXPECT_EQ(world.Decide(kClass).kind, Kind::kDisabled);
  EXPECT_EQ(world.Decide(kClass).level, ScheduleLevel::kStorageClass);
}

TEST(ScheduleTest, OnlyTheExactFalseDisables) {
  for (const char* value : {"False", "FALSE", "0", "no", "", " false", "true"}) {
    World world;
    world.OfClass() = {{kSchedule, "@monthly"}, {kEnable, value}};
    world.OfClaim()[kEnable] = value;
    EXPECT_EQ(world.Decide(kPvc).kind, Kind::kScheduled) << value;
    EXPECT_EQ(world.Decide(kClass).kind, Kind::kScheduled) << value;
  }
}

TEST(ScheduleTest, UnreadableTextIsWeeklyWithAWarning) {
  for (const char* text : {"weekly", "0 0 * * 7", "TZ=Europe/Berlin", "TZ=Nowhere @daily", " "}) {
    World world;
    world.OfClass()[kSchedule] = text;
    for (const SchedulePrecedence precedence : {kPvc, kClass}) {
      const EffectiveSchedule schedule = world.Decide(precedence);
      EXPECT_EQ(schedule.kind, Kind::kScheduled) << text;
      EXPECT_EQ(schedule.text, "@weekly");
      EXPECT_THAT(schedule.warning, HasSubstr(text));
      EXPECT_THAT(schedule.warning, HasSubstr("StorageClass's annotation"));
    }
  }
}

TEST(ScheduleTest, UnreadableTextDoesNotFallThroughToTheNextLevel) {
  World world;
  world.OfClaim()[kSchedule] = "soon";
  world.OfClass()[kSchedule] = "@daily";
  EXPECT_EQ(world.Decide(kPvc).text, "@weekly");
  EXPECT_EQ(world.Decide(kPvc).level, ScheduleLevel::kClaim);
}

TEST(ScheduleTest, EmptyTextIsWeeklyInPvcModeAndAbsentInStorageClassMode) {
  World world;
  world.OfClass()[kSchedule] = "";
  ExpectScheduled(world.Decide(kPvc), "@weekly", ScheduleLevel::kStorageClass);
  EXPECT_EQ(world.Decide(kClass).kind, Kind::kNone);
  world.OfClaim()[kSchedule] = "";
  ExpectScheduled(world.Decide(kPvc), "@weekly", ScheduleLevel::kClaim);
}

// People write it to say never.
TEST(ScheduleTest, WhatNeverComesIsASchedule) {
  World world;
  world.OfClass()[kSchedule] = "0 0 30 2 *";
  ExpectScheduled(world.Decide(kPvc), "0 0 30 2 *", ScheduleLevel::kStorageClass);
  ExpectScheduled(world.Decide(kClass), "0 0 30 2 *", ScheduleLevel::kStorageClass);
}

TEST(ScheduleTest, AnUnboundClaimIsUndecided) {
  for (const char* phase : {"", "Pending", "Lost"}) {
    World world;
    world.claim.phase = phase;
    world.OfClass() = {{kSchedule, "@daily"}, {kEnable, "false"}};
    EXPECT_EQ(world.Decide(kPvc).kind, Kind::kUndecided) << phase;
    EXPECT_EQ(world.Decide(kClass).kind, Kind::kUndecided) << phase;
    EXPECT_EQ(world.Decide(kClass).reason, "it is not Bound");
  }
}

TEST(ScheduleTest, AVolumeOfNoCsiDriverIsIgnored) {
  World world;
  world.OfClass()[kSchedule] = "@daily";
  world.volume.csi.reset();
  EXPECT_EQ(world.Decide(kPvc).kind, Kind::kIgnored);
  EXPECT_EQ(world.Decide(kClass).kind, Kind::kIgnored);
}

TEST(ScheduleTest, AMissingVolumeIsAwaitedInPvcMode) {
  World world;
  world.OfClass()[kSchedule] = "@daily";
  world.has_volume = false;
  EXPECT_EQ(world.Decide(kPvc).kind, Kind::kUndecided);
  EXPECT_EQ(world.Decide(kClass).kind, Kind::kIgnored);
}

TEST(ScheduleTest, WithoutAClassTheOthersCountInPvcMode) {
  for (const std::optional<std::string>& name :
       {std::optional<std::string>(), std::optional<std::string>("")}) {
    World world;
    world.claim.storage_class = name;
    world.has_class = false;
    EXPECT_EQ(world.Decide(kPvc).kind, Kind::kNone);
    EXPECT_EQ(world.Decide(kClass).kind, Kind::kIgnored);
    world.OfNamespace()[kSchedule] = "@daily";
    ExpectScheduled(world.Decide(kPvc), "@daily", ScheduleLevel::kNamespace);
    world.OfClaim()[kSchedule] = "@hourly";
    ExpectScheduled(world.Decide(kPvc), "@hourly", ScheduleLevel::kClaim);
    EXPECT_EQ(world.Decide(kClass).kind, Kind::kIgnored);
  }
}

TEST(ScheduleTest, AMissingClassIsAwaitedInPvcModeUnlessDisabledBelow) {
  World world;
  world.has_class = false;
  world.OfClaim()[kSchedule] = "@hourly";
  EXPECT_EQ(world.Decide(kPvc).kind, Kind::kUndecided);
  EXPECT_THAT(world.Decide(kPvc).reason, HasSubstr("\"encrypted\""));
  EXPECT_EQ(world.Decide(kClass).kind, Kind::kIgnored);
  world.OfNamespace()[kEnable] = "false";
  EXPECT_EQ(world.Decide(kPvc).kind, Kind::kDisabled);
}

TEST(ScheduleTest, ANamespaceThatCannotBeReadIsAwaitedInPvcMode) {
  World world;
  world.has_ns = false;
  world.OfClass()[kSchedule] = "@monthly";
  EXPECT_EQ(world.Decide(kPvc).kind, Kind::kUndecided);
  ExpectScheduled(world.Decide(kClass), "@monthly", ScheduleLevel::kStorageClass);
}

TEST(ScheduleTest, TheNamespacesScheduleIsForDriversThatRotate) {
  World world;
  world.driver_rotates = false;
  world.OfNamespace()[kSchedule] = "@daily";
  EXPECT_EQ(world.Decide(kPvc).kind, Kind::kNone);
  world.OfClass()[kSchedule] = "@monthly";
  ExpectScheduled(world.Decide(kPvc), "@monthly", ScheduleLevel::kStorageClass);
  ExpectScheduled(world.Decide(kClass), "@monthly", ScheduleLevel::kStorageClass);
  world.OfClaim()[kSchedule] = "@hourly";
  ExpectScheduled(world.Decide(kPvc), "@hourly", ScheduleLevel::kClaim);
}

TEST(ScheduleTest, AnUnmanagedCronJobIsLeftAlone) {
  for (const char* state : {"unmanaged", "", "Managed", "anything"}) {
    World world;
    world.has_cron_job = true;
    world.cron_job[kState] = state;
    world.OfClass() = {{kSchedule, "@monthly"}, {kEnable, "false"}};
    EXPECT_EQ(world.Decide(kPvc).kind, Kind::kUnmanaged) << state;
    EXPECT_EQ(world.Decide(kClass).kind, Kind::kUnmanaged) << state;
  }
}

TEST(ScheduleTest, AManagedCronJobFollowsTheAnnotations) {
  World world;
  world.has_cron_job = true;
  world.OfClass()[kSchedule] = "@monthly";
  EXPECT_EQ(world.Decide(kPvc).kind, Kind::kScheduled);
  world.cron_job[kState] = "managed";
  EXPECT_EQ(world.Decide(kPvc).kind, Kind::kScheduled);
  EXPECT_EQ(world.Decide(kClass).kind, Kind::kScheduled);
}

TEST(ScheduleTest, ACopyFollowsWhatItWasCopiedFrom) {
  World world;
  world.OfClaim() = {{kSchedule, "@monthly"}, {kCopied, "@monthly"}};
  EXPECT_EQ(world.Decide(kPvc).kind, Kind::kNone);
  world.OfClass()[kSchedule] = "@daily";
  ExpectScheduled(world.Decide(kPvc), "@daily", ScheduleLevel::kStorageClass);
  // Its owner wrote another one since.
  world.OfClaim()[kSchedule] = "@hourly";
  ExpectScheduled(world.Decide(kPvc), "@hourly", ScheduleLevel::kClaim);
}

// Made by csi-addons, which does not say where it has it from.
TEST(ScheduleTest, ACopyWithoutItsOriginIsTheClaimsOwn) {
  World world;
  world.OfClaim() = {{kSchedule, "@monthly"},
                     {"keyrotation.csiaddons.openshift.io/cronjob", "data-1700000000"}};
  world.OfClass()[kSchedule] = "@daily";
  ExpectScheduled(world.Decide(kPvc), "@monthly", ScheduleLevel::kClaim);
}

}  // namespace
}  // namespace rbdcrypt::rotation
