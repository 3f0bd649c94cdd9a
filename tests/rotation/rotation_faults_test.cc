// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Whatever ends a rotation, wherever: the volume opens, and the next runs end it with one keyslot.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "rbd/luks/header.h"
#include "rbd/names.h"
#include "rotation/dek_rotation.h"
#include "tests/rotation/rotation_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rotation {
namespace {

using ::rbdcrypt::testing::DeadWatchers;
using ::rbdcrypt::testing::Driver;
using ::rbdcrypt::testing::FakeKms;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::KmsFault;
using ::rbdcrypt::testing::kThirdKey;
using ::rbdcrypt::testing::LastEffect;
using ::rbdcrypt::testing::RotationWorld;
using ::rbdcrypt::testing::StatusIs;
using ::testing::AnyOf;
using ::testing::HasSubstr;

// Rotations hardly ever take more.
constexpr int kMaxEffects = 60;

// The world of a test that is run again and again, always from its beginning.
struct Start {
  std::string kms_id = "store";
  bool can_compare_and_set = true;
  void (*arrange)(RotationWorld& world) = nullptr;

  std::unique_ptr<RotationWorld> Make() const {
    auto world = std::make_unique<RotationWorld>(
        kms_id, FakeKms::Options{.id = "store", .can_compare_and_set = can_compare_and_set});
    if (arrange != nullptr) {
      arrange(*world);
    }
    return world;
  }
};

// Whether a node could stage the volume now: with the current DEK, or, where the header was rolled
// back, with the previous one.
void ExpectOpens(const RotationWorld& world, const std::string& when) {
  const auto node = world.world().StartDriver("node");
  world.ceph().RemoveWatchers(world.image_name());
  EXPECT_THAT(world.world().CheckOpens(*node, world.volume_id()), IsOk()) << when;
}

// The stored DEK that the header answers to.
std::string DekOfTheHeader(const RotationWorld& world) {
  const std::string keyslots = world.Keyslots({{"K", world.Current()}});
  return keyslots.find('K') != std::string::npos ? world.Current() : world.Previous();
}

void ExpectEnds(RotationWorld& world, const std::string& when) {
  const std::string before = DekOfTheHeader(world);
  ASSERT_THAT(world.RotateAtLast(), IsOk()) << when;
  EXPECT_THAT(world.CheckWhole(), IsOk()) << when;
  EXPECT_EQ(world.Metadata(rbd::kMetaRotation), "") << when;
  // What an earlier run stored counts; else the one before is the previous DEK now.
  if (world.Current() != before) {
    EXPECT_EQ(world.Previous(), before) << when;
  }
}

// Ends the rotating process after each of its effects in turn.
void KillAfterEveryEffect(const Start& start, LastEffect last) {
  for (int effects = 0; effects < kMaxEffects; ++effects) {
    const std::unique_ptr<RotationWorld> made = start.Make();
    RotationWorld& world = *made;
    world.driver().process().FailAfterEffects(effects, last);
    if (world.Rotate().ok()) {
      EXPECT_GT(effects, 8);
      return;
    }
    const std::string when = Cat("after effect ", effects);
    world.driver().Restart(DeadWatchers::kGone);
    ExpectOpens(world, when);
    ExpectEnds(world, when);
  }
  FAIL() << "a rotation has more effects than thought";
}

TEST(RotationFaultsTest, KilledAfterEveryEffect) {
  KillAfterEveryEffect({}, LastEffect::kLands);
}

TEST(RotationFaultsTest, KilledBeforeEveryEffect) {
  KillAfterEveryEffect({}, LastEffect::kIsLost);
}

TEST(RotationFaultsTest, KilledAfterEveryEffectWithTheDekInTheImage) {
  KillAfterEveryEffect({.kms_id = "wrap"}, LastEffect::kLands);
}

TEST(RotationFaultsTest, KilledAfterEveryEffectWithAStoreThatCannotCompare) {
  KillAfterEveryEffect({.can_compare_and_set = false}, LastEffect::kLands);
}

// Fails each write to the store in turn, and lets what was late land after the next run began.
void FailEveryWrite(const Start& start, KmsFault fault) {
  for (int write = 1;; ++write) {
    const std::unique_ptr<RotationWorld> made = start.Make();
    RotationWorld& world = *made;
    const int before = world.kms().writes();
    world.kms().FailWrite(write, fault);
    const Status first = world.Rotate().status();
    const std::string when = Cat("write ", write);
    if (world.kms().writes() - before < write) {
      EXPECT_THAT(first, IsOk());
      EXPECT_GT(write, 1);
      return;
    }
    world.kms().Restart();
    ExpectOpens(world, when);
    if (first.ok()) {
      EXPECT_THAT(world.CheckWhole(), IsOk()) << when;
    } else {
      ExpectEnds(world, when);
    }
    world.kms().LandLateWrites();
    ExpectOpens(world, when + ", and late");
    EXPECT_THAT(world.CheckWhole(), IsOk()) << when;
  }
}

constexpr KmsFault kWriteFaults[] = {KmsFault::kNotDone,   KmsFault::kAnswerLost,
                                     KmsFault::kForgotten, KmsFault::kLandsLater,
                                     KmsFault::kDenied,    KmsFault::kStops};

class RotationWriteFaultsTest : public ::testing::TestWithParam<KmsFault> {};

void LeaveAThirdKey(RotationWorld& world) {
  world.ArrangeKeyslots(world.Current(), kThirdKey, world.Current());
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kAborted));
  world.clock().Advance(std::chrono::minutes(15));
}

void RollBack(RotationWorld& world) {
  world.ArrangeStore("C-random-text-of-28-chars--=", world.Current());
}

TEST_P(RotationWriteFaultsTest, EndWell) {
  FailEveryWrite({}, GetParam());
}

TEST_P(RotationWriteFaultsTest, EndWellWhereAKeyslotIsUnexplained) {
  FailEveryWrite({.arrange = LeaveAThirdKey}, GetParam());
}

TEST_P(RotationWriteFaultsTest, EndWellAfterARollback) {
  FailEveryWrite({.arrange = RollBack}, GetParam());
}

TEST_P(RotationWriteFaultsTest, EndWellWithAStoreThatCannotCompare) {
  FailEveryWrite({.can_compare_and_set = false}, GetParam());
}

INSTANTIATE_TEST_SUITE_P(All, RotationWriteFaultsTest, ::testing::ValuesIn(kWriteFaults));

// A second program takes over after each effect of the first, which stood still past the lock's
// end and then goes on.
void StopAfterEveryEffect(const Start& start) {
  for (int effects = 1; effects < kMaxEffects; ++effects) {
    const std::unique_ptr<RotationWorld> made = start.Make();
    RotationWorld& world = *made;
    const auto second = world.world().StartDriver("second");
    int seen = 0;
    bool was_stopped = false;
    Status of_second = OkStatus();
    world.ceph().OnEffect([&](const std::string&) {
      if (++seen == effects) {
        was_stopped = true;
        world.world().PassTime();
        of_second = world.Rotate(*second).status();
      }
    });
    const Status of_first = world.Rotate().status();
    world.ceph().OnEffect(nullptr);
    const std::string when = Cat("stopped after effect ", effects);
    if (!was_stopped) {
      return;
    }
    // A store that cannot compare makes the second one wait.
    EXPECT_THAT(of_second, AnyOf(IsOk(), StatusIs(Code::kAborted))) << when;
    EXPECT_THAT(of_first, AnyOf(IsOk(), StatusIs(Code::kAborted))) << when;
    ExpectOpens(world, when);
    ExpectEnds(world, when);
  }
  FAIL() << "a rotation has more effects than thought";
}

// Safety G6.
TEST(RotationFaultsTest, StoppedAndContinuedBesideAnotherAtEveryEffect) {
  StopAfterEveryEffect({});
}

TEST(RotationFaultsTest, StoppedAndContinuedWithTheDekInTheImage) {
  StopAfterEveryEffect({.kms_id = "wrap"});
}

TEST(RotationFaultsTest, StoppedAndContinuedWithAStoreThatCannotCompare) {
  StopAfterEveryEffect({.can_compare_and_set = false});
}

}  // namespace
}  // namespace rbdcrypt::rotation
