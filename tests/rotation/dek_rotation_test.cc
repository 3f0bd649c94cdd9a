// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/dek_rotation.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crash_point.h"
#include "base/strings.h"
#include "rbd/luks/header.h"
#include "rbd/names.h"
#include "rbd/volume_lock.h"
#include "rotation/rotate_volume.h"
#include "tests/rotation/rotation_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rotation {
namespace {

using ::rbdcrypt::testing::Driver;
using ::rbdcrypt::testing::FakeKms;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::kLongClusterId;
using ::rbdcrypt::testing::kThirdKey;
using ::rbdcrypt::testing::LastEffect;
using ::rbdcrypt::testing::RotationWorld;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::VolumeWorld;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using std::chrono::hours;

constexpr RotationOptions kKeepNone = {.previous_deks = 0};

TEST(DekRotationTest, NewDekTakesThePlaceOfTheOldOne) {
  RotationWorld world;
  const std::string before = world.Current();
  ASSERT_OK_AND_ASSIGN(const RotationReport report, world.Rotate());
  EXPECT_EQ(report.keyslot, 1);
  EXPECT_TRUE(report.has_new_dek);
  EXPECT_EQ(report.old_dek_age, hours(24 * 7));
  EXPECT_FALSE(report.started_from_previous);
  EXPECT_EQ(report.dropped_second + report.dropped_unexplained, 0);
  EXPECT_EQ(report.previous, PreviousDek::kKept);
  EXPECT_NE(world.Current(), before);
  EXPECT_EQ(world.Current().size(), before.size());
  EXPECT_EQ(world.Previous(), before);
  EXPECT_EQ(world.Keyslots({{"K1", world.Current()}, {"K0", before}}), "- K1");
  EXPECT_THAT(world.world().CheckOpens(world.driver(), world.volume_id()), IsOk());
}

TEST(DekRotationTest, KeyslotsTakeTurns) {
  RotationWorld world;
  ASSERT_OK_AND_ASSIGN(const RotationReport first, world.Rotate());
  ASSERT_OK_AND_ASSIGN(const RotationReport second, world.Rotate());
  EXPECT_EQ(first.keyslot, 1);
  EXPECT_EQ(second.keyslot, 0);
  EXPECT_EQ(second.old_dek_age, std::chrono::seconds(0));
  EXPECT_THAT(world.CheckWhole(), IsOk());
}

TEST(DekRotationTest, WrappedDekIsReplacedInTheImage) {
  RotationWorld world("wrap");
  const std::string before = world.Current();
  ASSERT_THAT(world.Rotate(), IsOk());
  EXPECT_NE(world.Current(), before);
  EXPECT_EQ(world.Previous(), before);
  EXPECT_THAT(world.CheckWhole(), IsOk());
}

TEST(DekRotationTest, StoreThatCannotCompareAndSetServesOneRotationInAQuarterOfAnHour) {
  RotationWorld world("store", {.id = "store", .can_compare_and_set = false});
  ASSERT_THAT(world.Rotate(), IsOk());
  EXPECT_THAT(world.CheckWhole(), IsOk());
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kAborted, HasSubstr("in 900 s")));
  EXPECT_THAT(world.CheckWhole(), IsOk());
  world.clock().Advance(std::chrono::minutes(15));
  EXPECT_THAT(world.Rotate(), IsOk());
  EXPECT_THAT(world.CheckWhole(), IsOk());
}

TEST(DekRotationTest, TimesStandInTheImagesMetadata) {
  RotationWorld world;
  const std::string created = world.Metadata(rbd::kMetaDekMadeAt);
  EXPECT_THAT(created, Not(IsEmpty()));
  EXPECT_EQ(world.Metadata(rbd::kMetaRotatedAt), "");
  ASSERT_THAT(world.Rotate(), IsOk());
  EXPECT_EQ(world.Metadata(rbd::kMetaDekMadeAt), world.Metadata(rbd::kMetaRotatedAt));
  EXPECT_EQ(std::stoll(world.Metadata(rbd::kMetaRotatedAt)) - std::stoll(created), 7 * 24 * 3600);
  EXPECT_EQ(world.Metadata(rbd::kMetaRotation), "");
}

TEST(DekRotationTest, CostlyKeyslotGivesWayToACheapOne) {
  RotationWorld world;
  const auto image = world.Image();
  ASSERT_OK_AND_ASSIGN(auto header, rbd::luks::Header::Load(Context::Background(), *image));
  const Secret dek{std::string_view(world.Current())};
  ASSERT_THAT(
      header.AddKeyslot(Context::Background(), dek, dek, rbd::luks::KdfProfile::kHumanPassphrase),
      IsOkAndHolds(1));
  ASSERT_THAT(header.WriteBack(Context::Background(), *image), IsOk());
  ASSERT_THAT(world.Rotate(), IsOk());
  ASSERT_OK_AND_ASSIGN(header, rbd::luks::Header::Load(Context::Background(), *image));
  ASSERT_EQ(header.layout().metadata.keyslots.size(), 1U);
  EXPECT_EQ(header.layout().metadata.keyslots[0].kdf.type, "pbkdf2");
}

TEST(DekRotationTest, AdministratorsKeyslotIsReportedAndNeverTouched) {
  RotationWorld world;
  world.AddKeyslot(5, world.Current(), kThirdKey);
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(const RotationReport report, world.Rotate());
    EXPECT_THAT(report.other_keyslots, ElementsAre(5));
    EXPECT_FALSE(report.old_dek_opens_another);
  }
  EXPECT_THAT(world.CheckWhole(), IsOk());
  EXPECT_EQ(world.UsedKeyslots().size(), 2U);
  EXPECT_THAT(rbd::luks::ProveOpens(Context::Background(), *world.Image(), Secret(kThirdKey)),
              IsOkAndHolds(5));
}

TEST(DekRotationTest, DekInAnAdministratorsKeyslotAloneIsAStart) {
  RotationWorld world;
  const std::string before = world.Current();
  world.AddKeyslot(4, before, before);
  const auto image = world.Image();
  ASSERT_OK_AND_ASSIGN(auto header, rbd::luks::Header::Load(Context::Background(), *image));
  ASSERT_THAT(header.DropKeyslot(0), IsOk());
  ASSERT_THAT(header.WriteBack(Context::Background(), *image), IsOk());
  ASSERT_OK_AND_ASSIGN(const RotationReport report, world.Rotate());
  EXPECT_TRUE(report.old_dek_opens_another);
  EXPECT_THAT(world.CheckWhole(), IsOk());
  EXPECT_THAT(world.UsedKeyslots(), Contains(4));
}

TEST(DekRotationTest, PreviousDekIsRemovedWhereNoneIsToBeKept) {
  RotationWorld world;
  ASSERT_OK_AND_ASSIGN(const RotationReport report, world.Rotate(kKeepNone));
  EXPECT_EQ(report.previous, PreviousDek::kRemoved);
  EXPECT_EQ(world.Previous(), "");
  EXPECT_THAT(world.CheckWhole(), IsOk());
}

TEST(DekRotationTest, PreviousDekThatCannotBeRemovedIsTold) {
  RotationWorld world;
  world.kms().FailWrite(2, testing::KmsFault::kDenied);
  ASSERT_OK_AND_ASSIGN(const RotationReport report, world.Rotate(kKeepNone));
  EXPECT_EQ(report.previous, PreviousDek::kNotRemoved);
  EXPECT_THAT(report.previous_reason, HasSubstr("says no"));
  EXPECT_THAT(world.CheckWhole(), IsOk());
}

// Safety C: kept for as long as a snapshot's header answers to it.
TEST(DekRotationTest, PreviousDekThatASnapshotNeedsIsKept) {
  RotationWorld world;
  const std::string before = world.Current();
  world.ceph().TakeSnapshot(world.image_name(), "nightly");
  ASSERT_OK_AND_ASSIGN(const RotationReport report, world.Rotate(kKeepNone));
  EXPECT_EQ(report.previous, PreviousDek::kKeptForSnapshots);
  EXPECT_EQ(report.previous_reason, "nightly");
  EXPECT_EQ(world.Previous(), before);
}

TEST(DekRotationTest, PreviousDekThatASnapshotNeedsIsNotPushedOut) {
  RotationWorld world;
  const std::string first = world.Current();
  world.ceph().TakeSnapshot(world.image_name(), "nightly");
  ASSERT_THAT(world.Rotate(), IsOk());
  const std::string second = world.Current();
  world.ceph().TakeSnapshot(world.image_name(), "later");
  world.ceph().ClearEffects();
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kFailedPrecondition,
                                       AllOf(HasSubstr("nightly"), Not(HasSubstr("later")))));
  EXPECT_THAT(world.ceph().effects(), Not(Contains(HasSubstr("image."))));
  EXPECT_EQ(world.Current(), second);
  EXPECT_EQ(world.Previous(), first);
  world.ceph().RemoveSnapshot(world.image_name(), "nightly");
  EXPECT_THAT(world.Rotate(), IsOk());
  EXPECT_EQ(world.Previous(), second);
}

TEST(DekRotationTest, SnapshotThatCannotBeReadIsNoSnapshotThatNeedsNothing) {
  RotationWorld world;
  ASSERT_THAT(world.Rotate(), IsOk());
  world.ceph().TakeSnapshot(world.image_name(), "nightly");
  const std::string before = world.Current();
  world.ceph().FailSnapshotReads(world.image_name());
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kUnavailable, HasSubstr("nightly")));
  EXPECT_EQ(world.Current(), before);
}

// Safety B6.
TEST(DekRotationTest, PassphraseOfAllVolumesIsNotReplaced) {
  VolumeWorld world;
  const auto driver = world.StartDriver("rotator");
  driver->SetSecret("encryptionPassphrase", "one for all");
  ASSERT_OK_AND_ASSIGN(const rbd::CreatedVolume volume,
                       driver->Create(VolumeWorld::Spec("default")));
  world.ceph.ClearEffects();
  EXPECT_THAT(
      RotateVolume(driver->context(), driver->caller(), driver->Parts(), volume.volume_id, {}),
      StatusIs(Code::kFailedPrecondition,
               AllOf(HasSubstr(volume.volume_id), HasSubstr("migrate"))));
  EXPECT_THAT(world.ceph.effects(), Not(Contains(HasSubstr("image."))));
  EXPECT_THAT(world.CheckOpens(*driver, volume.volume_id), IsOk());
}

TEST(DekRotationTest, PlainVolumeHasNoDekToReplace) {
  VolumeWorld world;
  const auto driver = world.StartDriver("rotator");
  ASSERT_OK_AND_ASSIGN(const rbd::CreatedVolume volume, driver->Create(VolumeWorld::Spec()));
  EXPECT_THAT(
      RotateVolume(driver->context(), driver->caller(), driver->Parts(), volume.volume_id, {}),
      StatusIs(Code::kFailedPrecondition, HasSubstr("not encrypted")));
}

TEST(DekRotationTest, PreparedVolumeIsLeftToItsFirstStage) {
  RotationWorld world;
  ASSERT_THAT(world.Image()->SetMetadata(rbd::kMetaEncrypted, rbd::kStatePrepared), IsOk());
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kFailedPrecondition, HasSubstr("first stage")));
}

TEST(DekRotationTest, HeaderThatNeitherDekOpensIsLeftAlone) {
  RotationWorld world;
  world.ArrangeStore("some other key", "and one more");
  world.ceph().ClearEffects();
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kUnauthenticated, HasSubstr(world.volume_id())));
  EXPECT_THAT(world.ceph().effects(), Not(Contains(HasSubstr("image."))));
  EXPECT_EQ(world.Current(), "some other key");
}

TEST(DekRotationTest, DamagedHeaderIsDataLossAndNothingIsStored) {
  RotationWorld world;
  const std::string before = world.Current();
  ASSERT_THAT(world.Image()->Write(4096, std::vector<std::byte>(16384, std::byte{0x5a})), IsOk());
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kDataLoss));
  EXPECT_EQ(world.Current(), before);
}

TEST(DekRotationTest, MissingDekIsNotFound) {
  RotationWorld world;
  ASSERT_THAT(world.kms().Remove(Context::Background(), world.volume_id()), IsOk());
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kNotFound));
}

// Safety G1: ceph-csi's rotation and ours exclude each other.
TEST(DekRotationTest, LockOfCephCsiKeepsRotationsOut) {
  RotationWorld world;
  const rbd::LockName name = rbd::VolumeLockName(world.volume_id());
  EXPECT_EQ(name.object, world.volume_id());
  EXPECT_EQ(name.name, world.volume_id() + "-mutexlock");
  EXPECT_EQ(name.cookie, world.volume_id() + "-enc-key-rotate");
  ASSERT_THAT(
      world.ceph().Admin().locks().Acquire(name, rbd::kVolumeLockDuration, {"of ceph-csi", ""}),
      IsOk());
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kAborted, HasSubstr("in flight")));
  world.world().PassTime();
  EXPECT_THAT(world.Rotate(), IsOk());
}

// ceph-csi-compat 5.11, Limit: one that ceph-csi cannot rotate.
TEST(DekRotationTest, VolumeWhoseIdIsTooLongForALockIsRotated) {
  VolumeWorld world;
  const auto driver = world.StartDriver("rotator");
  rbd::CreateVolumeSpec spec = VolumeWorld::Spec("store");
  spec.cluster_id = kLongClusterId;
  ASSERT_OK_AND_ASSIGN(const rbd::CreatedVolume volume, driver->Create(spec));
  ASSERT_GT(volume.volume_id.size() + std::string_view("-mutexlock").size(),
            rbd::kMaxLockNameBytes);
  EXPECT_LE(rbd::VolumeLockName(volume.volume_id).name.size(), rbd::kMaxLockNameBytes);
  const std::string before = world.store->CurrentForTest(volume.volume_id);
  EXPECT_THAT(
      RotateVolume(driver->context(), driver->caller(), driver->Parts(), volume.volume_id, {}),
      IsOk());
  EXPECT_NE(world.store->CurrentForTest(volume.volume_id), before);
  EXPECT_THAT(world.CheckOpens(*driver, volume.volume_id), IsOk());
}

// Safety G5: asked for, never broken.
TEST(DekRotationTest, ExclusiveLockThatIsNotGivenLeavesTheVolumeAsItWas) {
  RotationWorld world;
  const std::string before = world.Current();
  world.ceph().FailOnce("image.compare-and-write", Aborted("its owner keeps the lock"),
                        LastEffect::kIsLost);
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kAborted, HasSubstr("owner keeps the lock")));
  EXPECT_EQ(world.Current(), before);
  EXPECT_THAT(world.CheckWhole(), IsOk());
  EXPECT_EQ(world.world().Holders(world.volume_id()), "");
  EXPECT_THAT(world.Rotate(), IsOk());
}

// What may land late is fenced by the next holder, whoever that is.
TEST(DekRotationTest, WriteToTheImageWithoutAnAnswerLeavesTheLockToBeFenced) {
  RotationWorld world;
  world.ceph().FailOnce("image.write", Unavailable("no answer in 30 s"), LastEffect::kIsLost);
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kUnavailable));
  EXPECT_THAT(world.world().Holders(world.volume_id()), HasSubstr("rbdcrypt.holder"));
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kAborted));
  world.world().PassTime();
  const auto another = world.world().StartDriver("another");
  world.ceph().ClearEffects();
  EXPECT_THAT(world.Rotate(*another), IsOk());
  EXPECT_THAT(world.ceph().effects(), Contains(HasSubstr("client.blocklist")));
  EXPECT_THAT(world.CheckWhole(), IsOk());
}

TEST(DekRotationTest, NothingIsBegunAfterTheCallersTime) {
  RotationWorld world;
  const std::string before = world.Current();
  const Context late({.clock = &world.clock(), .deadline = world.clock().Now()});
  Driver& driver = world.driver();
  EXPECT_THAT(RotateVolume(late, driver.caller(), driver.Parts(), world.volume_id(), {}),
              StatusIs(Code::kDeadlineExceeded));
  EXPECT_EQ(world.Current(), before);
}

#ifdef RBDCRYPT_CRASH_POINTS
TEST(DekRotationTest, PassesItsCrashPointsInOrder) {
  RotationWorld world;
  std::vector<std::string> passed;
  ObserveCrashPointsForTest(
      [](void* names, std::string_view name) {
        if (name.starts_with("rotation.")) {
          static_cast<std::vector<std::string>*>(names)->emplace_back(name);
        }
      },
      &passed);
  const auto report = world.Rotate(kKeepNone);
  ObserveCrashPointsForTest(nullptr, nullptr);
  EXPECT_THAT(report, IsOk());
  EXPECT_THAT(passed, ElementsAre("rotation.begun", "rotation.keyslot-added", "rotation.dek-stored",
                                  "rotation.keyslot-dropped", "rotation.recorded", "rotation.ended",
                                  "rotation.previous-removed"));
}
#endif

}  // namespace
}  // namespace rbdcrypt::rotation
