// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/orphans.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rbd/volume_id.h"
#include "tests/rbd/recorded_pool.h"
#include "tests/rbd/volume_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::LoadRecording;
using ::rbdcrypt::testing::VolumeWorld;

constexpr char kUuid[] = "b0285c97-a0ce-11eb-8c66-0242ac110002";

// "kind name" of each, joined.
std::string Found(VolumeWorld& world, std::int64_t pool_id = 1) {
  const auto process = world.ceph.StartProcess();
  const Credentials credentials{.user = "admin", .key = Secret("key")};
  const auto connection = process->Exclusive({}, credentials);
  const auto orphans =
      FindOrphans(Context::Background(), **connection, world.ceph.Admin(pool_id), "default");
  std::string text;
  for (const Orphan& orphan : orphans.value()) {
    text += orphan.kind + " " + orphan.name + "; ";
  }
  return text;
}

TEST(OrphansTest, HealthyVolumesAreNoOrphans) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  ASSERT_THAT(driver->Create(VolumeWorld::Spec("store")), IsOk());
  EXPECT_EQ(Found(world), "");
}

TEST(OrphansTest, VolumesWhoseJournalIsInAnotherPoolAreNoOrphans) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  CreateVolumeSpec spec = VolumeWorld::Spec("store");
  spec.journal_pool = "other";
  ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(spec));
  EXPECT_EQ(Found(world, 1), "");
  EXPECT_EQ(Found(world, 2), "");
  ASSERT_OK_AND_ASSIGN(const VolumeId id, DecodeVolumeId(volume.volume_id));
  const std::string object = "csi.volume." + id.uuid;
  ASSERT_THAT(world.ceph.Admin(1).omap().RemoveObject(object), IsOk());
  EXPECT_EQ(Found(world, 2), "directory-key csi.volumes.default csi.volume.pvc-1; ");
}

TEST(OrphansTest, SnapshotsAreKnownByTheirOwnNames) {
  VolumeWorld world;
  Pool& pool = world.ceph.Admin();
  const std::string object = std::string("csi.snap.") + kUuid;
  ASSERT_THAT(pool.omap().CreateObject(object, {{"csi.snapname", "snapshot-1"}}), IsOk());
  EXPECT_EQ(Found(world), "journal-object " + object + "; ");
  ASSERT_THAT(pool.omap().SetNew("csi.snaps.default", "csi.snap.snapshot-1", kUuid), IsOk());
  ASSERT_THAT(pool.images().Create(std::string("csi-snap-") + kUuid, {.size_bytes = 1 << 20}),
              IsOk());
  EXPECT_EQ(Found(world), "");
}

TEST(OrphansTest, ImagesOfOtherNamesAreNobodysBusiness) {
  VolumeWorld world;
  ASSERT_THAT(world.ceph.Admin().images().Create("my-image", {.size_bytes = 1 << 20}), IsOk());
  EXPECT_EQ(Found(world), "");
}

TEST(OrphansTest, NothingOfARecordedPoolIsAnOrphanTheImageOfACloneIncluded) {
  VolumeWorld world;
  LoadRecording(world.ceph, "copies.json");
  EXPECT_EQ(Found(world), "");
}

TEST(OrphansTest, JournalObjectThatCannotBeReadHidesNothingElse) {
  VolumeWorld world;
  Pool& pool = world.ceph.Admin();
  const std::string object = std::string("csi.volume.") + kUuid;
  ASSERT_THAT(pool.omap().CreateObject(object, {{"csi.journalpool", "?"}}), IsOk());
  ASSERT_THAT(pool.omap().SetNew("csi.volumes.default", "csi.volume.pvc-1", kUuid), IsOk());
  ASSERT_THAT(pool.images().Create(std::string("csi-vol-") + kUuid, {.size_bytes = 1 << 20}),
              IsOk());
  ASSERT_THAT(
      pool.images().Create("csi-vol-ba68226a-672f-4ba5-97bc-22840318b2ec", {.size_bytes = 1 << 20}),
      IsOk());
  EXPECT_EQ(Found(world),
            "journal-object " + object + "; image csi-vol-ba68226a-672f-4ba5-97bc-22840318b2ec; ");
}

TEST(OrphansTest, EachKindIsFound) {
  VolumeWorld world;
  Pool& pool = world.ceph.Admin();
  const std::string image = std::string("csi-vol-") + kUuid;
  ASSERT_THAT(pool.images().Create(image, {.size_bytes = 1 << 20}), IsOk());
  EXPECT_EQ(Found(world), "image " + image + "; ");
  ASSERT_THAT(pool.images().MoveToTrash(image), IsOk());
  EXPECT_THAT(Found(world), ::testing::HasSubstr("trash "));
  const std::string object = std::string("csi.volume.") + kUuid;
  ASSERT_THAT(pool.omap().CreateObject(object, {{"csi.volname", "pvc-1"}}), IsOk());
  EXPECT_THAT(Found(world), ::testing::HasSubstr("journal-object " + object));
  ASSERT_THAT(pool.omap().RemoveObject(object), IsOk());
  ASSERT_THAT(pool.omap().SetNew("csi.volumes.default", "csi.volume.pvc-1", kUuid), IsOk());
  EXPECT_THAT(Found(world),
              ::testing::HasSubstr("directory-key csi.volumes.default csi.volume.pvc-1"));
  const std::string lock = std::string("0001-0009-rook-ceph-0000000000000001-") + kUuid;
  ASSERT_THAT(pool.omap().CreateObject(lock, {}), IsOk());
  EXPECT_THAT(Found(world), ::testing::HasSubstr("lock-object " + lock));
}

}  // namespace
}  // namespace rbdcrypt::rbd
