// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Accidents that have lost somebody a volume, by their numbers.
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "rbd/luks/header.h"
#include "rotation/dek_rotation.h"
#include "tests/fakes/fake_header_io.h"
#include "tests/luks/luks_world.h"
#include "tests/rotation/rotation_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rotation {
namespace {

using ::rbdcrypt::testing::DeadWatchers;
using ::rbdcrypt::testing::FakeHeaderIo;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::kThirdKey;
using ::rbdcrypt::testing::Loss;
using ::rbdcrypt::testing::RotationWorld;
using ::rbdcrypt::testing::StatusIs;
using ::testing::HasSubstr;

constexpr std::string_view kNewer = "newer-text-of-28-characters=";

// Of tests/vectors/luks/rotation-killed.zlib.
constexpr std::string_view kKilledKey = "9tqbIGUpUJe9-MpQp8LXHAO6Ing=";

struct Crash {
  Loss loss;
  std::uint32_t seed;
};

std::vector<Crash> CrashesOf(const FakeHeaderIo& io) {
  if (!io.has_unflushed()) {
    return {{Loss::kNothing, 0}};
  }
  return {{Loss::kNothing, 0}, {Loss::kAll, 0}, {Loss::kSome, 1}, {Loss::kSome, 2}};
}

// The header of the world's volume, in a memory that loses what was not flushed.
FakeHeaderIo HeaderOf(const RotationWorld& world) {
  std::vector<std::byte> head(1024 * 1024);
  EXPECT_THAT(world.Image()->Read(0, head), IsOk());
  FakeHeaderIo io;
  io.Poke(0, head);
  return io;
}

// Keys that a stage would try, on the header in `io`.
bool StoredDeksOpen(const RotationWorld& world, FakeHeaderIo& io) {
  const Context context = Context::Background();
  for (const std::string& dek : {world.Current(), world.Previous()}) {
    if (!dek.empty() && rbd::luks::ProveOpens(context, io, Secret(std::string_view(dek))).ok()) {
      return true;
    }
  }
  return false;
}

// F9: the power fails after each write of a rotation; what was not flushed is lost in whole or in
// part.
TEST(RotationStoriesTest, F9PowerCutAfterEachWrite) {
  for (int effects = 0;; ++effects) {
    RotationWorld world;
    FakeHeaderIo io = HeaderOf(world);
    io.StopAfter(effects);
    if (world.RotateThrough(io).ok()) {
      EXPECT_GT(effects, 15);
      return;
    }
    world.driver().Restart(DeadWatchers::kGone);
    for (const Crash& crash : CrashesOf(io)) {
      FakeHeaderIo left = io.AfterCrash(crash.loss, crash.seed);
      EXPECT_TRUE(StoredDeksOpen(world, left))
          << "after write " << effects << ", seed " << crash.seed;
    }
    // Only one of them can go on: the store is not copied.
    FakeHeaderIo left = io.AfterCrash(Loss::kSome, static_cast<std::uint32_t>(effects));
    world.clock().Advance(std::chrono::minutes(15));
    ASSERT_THAT(world.RotateThrough(left), IsOk()) << "after write " << effects;
    const Secret current{std::string_view(world.Current())};
    ASSERT_OK_AND_ASSIGN(const auto header, rbd::luks::Header::Load(Context::Background(), left));
    EXPECT_EQ(header.layout().metadata.keyslots.size(), 1U);
    EXPECT_THAT(rbd::luks::ProveOpens(Context::Background(), left, current), IsOk());
  }
}

// F10: ceph-csi was killed in the middle of a rotation; slot 0 answers to a key that nobody has.
class StaleThirdKeyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const FakeHeaderIo recorded = rbd::luks::RecordedImage("rotation-killed.zlib");
    ASSERT_THAT(world_.Image()->Write(0, recorded.Peek(0, 1024 * 1024)), IsOk());
    world_.ArrangeStore(kKilledKey, "");
  }

  RotationWorld world_;
};

TEST_F(StaleThirdKeyTest, F10StaleThirdKeyIsWaitedForAndDropped) {
  ASSERT_EQ(world_.UsedKeyslots().size(), 2U);
  EXPECT_THAT(world_.Rotate(), StatusIs(Code::kAborted, HasSubstr("keyslot 0")));
  EXPECT_EQ(world_.UsedKeyslots().size(), 2U);
  world_.clock().Advance(std::chrono::minutes(14));
  EXPECT_THAT(world_.Rotate(), StatusIs(Code::kAborted, HasSubstr("in 60 s")));
  world_.clock().Advance(std::chrono::minutes(1));
  ASSERT_OK_AND_ASSIGN(const RotationReport report, world_.Rotate());
  EXPECT_EQ(report.dropped_unexplained, 1);
  EXPECT_THAT(world_.CheckWhole(), IsOk());
  EXPECT_EQ(world_.Previous(), kKilledKey);
  // What it left cost 1 GiB to open, what took its place costs nothing.
  ASSERT_OK_AND_ASSIGN(const auto header,
                       rbd::luks::Header::Load(Context::Background(), *world_.Image()));
  EXPECT_EQ(header.layout().metadata.keyslots[0].kdf.type, "pbkdf2");
}

// The same, and the write of its key was only late.
TEST(RotationStoriesTest, F10StaleThirdKeyThatArrivesAfterAllIsTheCurrentDek) {
  RotationWorld world;
  const std::string before = world.Current();
  world.ArrangeKeyslots(before, kThirdKey, before);
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kAborted));
  world.clock().Advance(std::chrono::minutes(10));
  world.ArrangeStore(kThirdKey, before);
  ASSERT_OK_AND_ASSIGN(const RotationReport report, world.Rotate());
  EXPECT_EQ(report.dropped_unexplained, 0);
  EXPECT_EQ(world.Previous(), kThirdKey);
  EXPECT_THAT(world.CheckWhole(), IsOk());
}

// Another third key than the one that was seen waits for a time of its own.
TEST(RotationStoriesTest, F10EachThirdKeyHasATimeOfItsOwn) {
  RotationWorld world;
  const std::string before = world.Current();
  world.ArrangeKeyslots(before, kThirdKey, before);
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kAborted));
  world.clock().Advance(std::chrono::minutes(15));
  world.ArrangeKeyslots(before, kNewer, before);
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kAborted, HasSubstr("in 900 s")));
}

// F11: a mirror that lags is promoted; its header answers to the DEK before the current one.
TEST(RotationStoriesTest, F11MirrorThatLagsOpensWithThePreviousDekAndIsRotatedFromIt) {
  RotationWorld world;
  const std::string of_mirror = world.Current();
  world.ArrangeStore(kNewer, of_mirror);
  EXPECT_THAT(world.world().CheckOpens(world.driver(), world.volume_id()), IsOk());
  ASSERT_OK_AND_ASSIGN(const RotationReport report, world.Rotate());
  EXPECT_TRUE(report.started_from_previous);
  EXPECT_TRUE(report.has_new_dek);
  EXPECT_EQ(world.Previous(), of_mirror);
  EXPECT_THAT(world.CheckWhole(), IsOk());
}

// A standby of the key manager that lags is no such thing: nothing is dropped for what it says.
TEST(RotationStoriesTest, F11StandbyThatLagsLeadsToNoDroppedKeyslot) {
  RotationWorld world;
  const std::string before = world.Current();
  world.kms().FreezeReads();
  // Stored, and then the process died.
  world.ArrangeKeyslots(before, before, kNewer);
  ASSERT_OK_AND_ASSIGN(const auto stored,
                       world.kms().Fetch(Context::Background(), world.volume_id()));
  ASSERT_THAT(
      world.kms().Replace(Context::Background(), world.volume_id(), stored.version, Secret(kNewer)),
      IsOk());
  world.clock().Advance(std::chrono::hours(1));
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kAborted));
  world.clock().Advance(std::chrono::hours(1));
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kAborted));
  EXPECT_EQ(world.UsedKeyslots().size(), 2U);
  world.kms().ThawReads();
  EXPECT_THAT(world.Rotate(), IsOk());
  EXPECT_EQ(world.Previous(), kNewer);
  EXPECT_THAT(world.CheckWhole(), IsOk());
}

// F12: `rbd snap rollback` brings back a header that answers to the DEK before the rotation.
TEST(RotationStoriesTest, F12RollbackBringsAnOldHeaderBack) {
  RotationWorld world;
  const std::string before = world.Current();
  world.ceph().TakeSnapshot(world.image_name(), "before");
  ASSERT_THAT(world.Rotate(), IsOk());
  const std::string rotated = world.Current();
  world.ceph().RollBack(world.image_name(), "before");
  EXPECT_EQ(world.Keyslots({{"K0", before}, {"K1", rotated}}), "K0 -");
  EXPECT_THAT(world.world().CheckOpens(world.driver(), world.volume_id()), IsOk());

  ASSERT_OK_AND_ASSIGN(const RotationReport report, world.Rotate());
  EXPECT_TRUE(report.started_from_previous);
  EXPECT_EQ(world.Previous(), before);
  EXPECT_THAT(world.CheckWhole(), IsOk());
  // The snapshot is still one that can be rolled back to.
  world.ceph().RollBack(world.image_name(), "before");
  EXPECT_THAT(world.world().CheckOpens(world.driver(), world.volume_id()), IsOk());
}

// Back to the middle of a rotation: two keyslots, and the store has gone on.
TEST(RotationStoriesTest, F12RollbackIntoTheMiddleOfARotation) {
  RotationWorld world;
  const std::string before = world.Current();
  world.ArrangeKeyslots(before, before, kThirdKey);
  world.ceph().TakeSnapshot(world.image_name(), "middle");
  world.ArrangeStore(kThirdKey, before);
  ASSERT_THAT(world.Rotate(), IsOk());
  EXPECT_EQ(world.Previous(), kThirdKey);
  world.ceph().RollBack(world.image_name(), "middle");
  EXPECT_THAT(world.Rotate(), StatusIs(Code::kAborted, HasSubstr("in 900 s")));
  EXPECT_EQ(world.Current(), kThirdKey);
  world.clock().Advance(std::chrono::minutes(15));
  EXPECT_THAT(world.Rotate(), IsOk());
  EXPECT_THAT(world.CheckWhole(), IsOk());
  EXPECT_EQ(world.Previous(), kThirdKey);
}

}  // namespace
}  // namespace rbdcrypt::rotation
