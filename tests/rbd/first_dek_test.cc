// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Over whole creates, at a key manager that takes whatever comes whenever it comes (Vault's KV 1);
// one that compares is volume_flow_test.cc's.
#include "rbd/first_dek.h"

#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rbd/names.h"
#include "tests/rbd/volume_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::FakeKms;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::KmsFault;
using ::rbdcrypt::testing::LastEffect;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::VolumeWorld;
using ::testing::AllOf;
using ::testing::HasSubstr;

const FakeKms::Options kWithoutCompare{.id = "store", .can_compare_and_set = false};

// Safety B5: no second DEK is sent while the first may still arrive.
TEST(FirstDekTest, LateWriteIsWaitedFor) {
  VolumeWorld world(kWithoutCompare);
  const auto driver = world.StartDriver("controller");
  world.store->FailWrite(1, KmsFault::kLandsLater);
  EXPECT_THAT(driver->Create(VolumeWorld::Spec("store")), StatusIs(Code::kUnavailable));
  world.clock.Advance(std::chrono::minutes(14));
  driver->Restart();
  EXPECT_THAT(driver->Create(VolumeWorld::Spec("store")),
              StatusIs(Code::kUnavailable, AllOf(HasSubstr("in 60 s"), HasSubstr("KMS store"))));
  world.store->LandLateWrites();
  ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(VolumeWorld::Spec("store")));
  EXPECT_EQ(world.store->writes(), 1);
  EXPECT_THAT(world.CheckOpens(*driver, volume.volume_id), IsOk());
}

TEST(FirstDekTest, WriteThatNeverLandsIsWaitedForAQuarterOfAnHour) {
  VolumeWorld world(kWithoutCompare);
  const auto driver = world.StartDriver("controller");
  world.store->FailWrite(1, KmsFault::kNotDone);
  EXPECT_THAT(driver->Create(VolumeWorld::Spec("store")), StatusIs(Code::kUnavailable));
  world.clock.Advance(std::chrono::minutes(15));
  ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(VolumeWorld::Spec("store")));
  EXPECT_THAT(world.CheckOpens(*driver, volume.volume_id), IsOk());
}

// A record of a clock that is ahead, or of nobody's, is taken for one of this moment.
TEST(FirstDekTest, RecordWithoutASensibleTimeIsWaitedForFromNowOn) {
  for (const char* record : {"99999999999", "soon", "-1"}) {
    VolumeWorld world(kWithoutCompare);
    const auto driver = world.StartDriver("controller");
    world.store->FailWrite(1, KmsFault::kNotDone);
    EXPECT_THAT(driver->Create(VolumeWorld::Spec("store")), StatusIs(Code::kUnavailable));
    const std::string name = world.ceph.Admin().images().List()->front();
    ASSERT_THAT((*world.ceph.Admin().images().Open(name, OpenMode::kReadWrite))
                    ->SetMetadata(kMetaDekSentAt, record),
                IsOk());
    EXPECT_THAT(driver->Create(VolumeWorld::Spec("store")),
                StatusIs(Code::kUnavailable, HasSubstr("in 900 s")));
    world.clock.Advance(std::chrono::minutes(15));
    EXPECT_THAT(driver->Create(VolumeWorld::Spec("store")), IsOk());
  }
}

TEST(FirstDekTest, RefusalIsWaitedForByNobody) {
  VolumeWorld world(kWithoutCompare);
  const auto driver = world.StartDriver("controller");
  world.store->FailWrite(1, KmsFault::kDenied);
  EXPECT_THAT(driver->Create(VolumeWorld::Spec("store")), StatusIs(Code::kPermissionDenied));
  EXPECT_THAT(driver->Create(VolumeWorld::Spec("store")), IsOk());
}

// Ends a create after its n-th effect, for every n: its repetition may have to wait, and then
// brings a volume that opens.
TEST(FirstDekTest, CreateDyingAfterEveryEffectConverges) {
  for (const LastEffect last : {LastEffect::kIsLost, LastEffect::kLands}) {
    int waited = 0;
    bool has_ended = false;
    for (int n = 0; !has_ended; ++n) {
      SCOPED_TRACE(n);
      VolumeWorld world(kWithoutCompare);
      const auto driver = world.StartDriver("controller");
      driver->process().FailAfterEffects(n, last);
      const auto first = driver->Create(VolumeWorld::Spec("store"));
      has_ended = first.ok() && !driver->process().IsDead();
      driver->Restart();
      world.PassTime();
      auto second = driver->Create(VolumeWorld::Spec("store"));
      if (second.status().code() == Code::kUnavailable) {
        ++waited;
        ASSERT_THAT(second, StatusIs(Code::kUnavailable, HasSubstr("cannot compare")));
        world.clock.Advance(std::chrono::minutes(15));
        second = driver->Create(VolumeWorld::Spec("store"));
      }
      ASSERT_THAT(second, IsOk());
      ASSERT_THAT(world.CheckOpens(*driver, second->volume_id), IsOk());
      const auto image = *world.ceph.Admin().images().Open(second->image_name, OpenMode::kReadOnly);
      ASSERT_THAT(image->GetMetadata(kMetaDekSentAt), StatusIs(Code::kNotFound));
    }
    // The record landed, and nothing after it.
    EXPECT_EQ(waited, last == LastEffect::kLands ? 1 : 0);
  }
}

}  // namespace
}  // namespace rbdcrypt::rbd
