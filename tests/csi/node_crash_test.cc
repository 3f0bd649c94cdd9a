// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// The node's process dies right after its n-th durable effect, for all n: then the next stage or
// unstage must end clean (safety D2). Needs a build with crash points.
#include "base/crash_point.h"

#ifdef RBDCRYPT_CRASH_POINTS

#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "csi/crash_points.h"
#include "rbd/names.h"
#include "tests/csi/csi_world.h"

namespace rbdcrypt::csi {
namespace {

namespace pb = ::csi::v1;

using rbdcrypt::testing::CsiWorld;

// Leaves everything as it is, as SIGKILL does: no undo runs, destructors reach only a dead cluster
// connection.
struct SimulatedKill {};

// Kills at the n-th crash point that is passed while it lives, and remembers their names.
class Killer {
 public:
  Killer(CsiWorld& world, int at) : world_(world), at_(at) {
    ObserveCrashPointsForTest(&Killer::OnPoint, this);
  }

  ~Killer() { ObserveCrashPointsForTest(nullptr, nullptr); }

  Killer(const Killer&) = delete;
  Killer& operator=(const Killer&) = delete;

  const std::string& last() const { return last_; }

  const std::set<std::string>& seen() const { return seen_; }

 private:
  static void OnPoint(void* argument, std::string_view name) {
    auto& self = *static_cast<Killer*>(argument);
    self.last_ = name;
    self.seen_.emplace(name);
    // Passed by a destructor, which cannot throw; rbd's own tests die there.
    if (name == "lock.released") {
      return;
    }
    if (++self.passed_ == self.at_) {
      self.world_.node_process->Kill();
      throw SimulatedKill();
    }
  }

  CsiWorld& world_;
  const int at_;
  int passed_ = 0;
  std::string last_;
  std::set<std::string> seen_;
};

enum class Outcome { kKilled, kEnded };

Outcome RunAndKill(CsiWorld& world,
                   int at,
                   const std::function<grpc::Status()>& call,
                   std::string& where) {
  Killer killer(world, at);
  try {
    const grpc::Status status = call();
    EXPECT_TRUE(status.ok()) << status.error_message();
    where = "the end";
    return Outcome::kEnded;
  } catch (const SimulatedKill&) {
    where = killer.last();
    return Outcome::kKilled;
  }
}

pb::NodeStageVolumeRequest RequestFor(const CsiWorld& world,
                                      const pb::Volume& volume,
                                      bool is_block) {
  pb::NodeStageVolumeRequest request = world.StageRequest(volume);
  if (is_block) {
    request.mutable_volume_capability()->mutable_block();
  }
  return request;
}

void ExpectStaged(CsiWorld& world, const pb::Volume& volume, bool is_block) {
  EXPECT_EQ(world.host.MountPoints().size(), 1U);
  EXPECT_TRUE(world.krbd.IsAttached(CsiWorld::ImageOf(volume)));
  EXPECT_EQ(world.Metadata(volume, rbd::kMetaFilesystem), is_block ? "" : "made");
}

class NodeCrashTest : public ::testing::TestWithParam<bool> {};

TEST_P(NodeCrashTest, KilledStageIsStagedAgainOrUnstaged) {
  for (int at = 1;; ++at) {
    Outcome outcome = Outcome::kEnded;
    for (const bool unstage : {false, true}) {
      CsiWorld world;
      const pb::Volume volume = world.Create();
      const pb::NodeStageVolumeRequest request = RequestFor(world, volume, GetParam());
      std::string where;
      outcome = RunAndKill(
          world, at, [&] { return world.Stage(request); }, where);
      SCOPED_TRACE(where);
      world.RestartNode();
      const grpc::Status next =
          unstage ? world.Unstage(world.UnstageRequest(volume)) : world.Stage(request);
      ASSERT_TRUE(next.ok()) << next.error_message();
      if (unstage) {
        EXPECT_EQ(world.NodeLeftovers(volume), "");
        const grpc::Status staged = world.Stage(request);
        ASSERT_TRUE(staged.ok()) << staged.error_message();
      }
      ExpectStaged(world, volume, GetParam());
      ASSERT_TRUE(world.Unstage(world.UnstageRequest(volume)).ok());
      EXPECT_EQ(world.NodeLeftovers(volume), "");
    }
    if (outcome == Outcome::kEnded) {
      EXPECT_GE(at, GetParam() ? 5 : 8);
      break;
    }
  }
}

TEST_P(NodeCrashTest, KilledUnstageIsUnstagedAgainOrStaged) {
  for (int at = 1;; ++at) {
    Outcome outcome = Outcome::kEnded;
    for (const bool stage : {false, true}) {
      CsiWorld world;
      const pb::Volume volume = world.Create();
      const pb::NodeStageVolumeRequest request = RequestFor(world, volume, GetParam());
      ASSERT_TRUE(world.Stage(request).ok());
      std::string where;
      outcome = RunAndKill(
          world, at, [&] { return world.Unstage(world.UnstageRequest(volume)); }, where);
      SCOPED_TRACE(where);
      world.RestartNode();
      if (stage) {
        const grpc::Status staged = world.Stage(request);
        ASSERT_TRUE(staged.ok()) << staged.error_message();
        ExpectStaged(world, volume, GetParam());
      }
      ASSERT_TRUE(world.Unstage(world.UnstageRequest(volume)).ok());
      EXPECT_EQ(world.NodeLeftovers(volume), "");
    }
    if (outcome == Outcome::kEnded) {
      EXPECT_GE(at, 4);
      break;
    }
  }
}

TEST_P(NodeCrashTest, KilledPublishAndUnpublishMayBeRepeated) {
  for (int at = 1;; ++at) {
    CsiWorld world;
    const pb::Volume volume = world.Create();
    ASSERT_TRUE(world.Stage(RequestFor(world, volume, GetParam())).ok());
    const std::string target = world.node_folder.File("target");
    pb::NodePublishVolumeRequest request = world.PublishRequest(volume, target);
    if (GetParam()) {
      request.mutable_volume_capability()->mutable_block();
    }
    const auto both = [&] {
      const grpc::Status status = world.Publish(request);
      return status.ok() ? world.Unpublish(volume.volume_id(), target) : status;
    };
    std::string where;
    const Outcome outcome = RunAndKill(world, at, both, where);
    SCOPED_TRACE(where);
    world.RestartNode();
    const grpc::Status again = both();
    ASSERT_TRUE(again.ok()) << again.error_message();
    EXPECT_EQ(world.host.MountPoints().size(), 1U);
    ASSERT_TRUE(world.Unstage(world.UnstageRequest(volume)).ok());
    EXPECT_EQ(world.NodeLeftovers(volume), "");
    if (outcome == Outcome::kEnded) {
      EXPECT_EQ(at, 5);
      break;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(MountAndBlock, NodeCrashTest, ::testing::Bool(), [](const auto& chosen) {
  return chosen.param ? "Block" : "Mount";
});

TEST(NodeCrashPointsTest, EveryNameIsPassed) {
  CsiWorld world;
  Killer witness(world, -1);
  const pb::Volume volume = world.Create();
  const std::string target = world.node_folder.File("target");
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(world.Stage(world.StageRequest(volume)).ok());
    ASSERT_TRUE(world.Publish(world.PublishRequest(volume, target)).ok());
    ASSERT_TRUE(world.Unpublish(volume.volume_id(), target).ok());
    ASSERT_TRUE(world.Unstage(world.UnstageRequest(volume)).ok());
  }
  for (const std::string_view name : kCrashPoints) {
    EXPECT_EQ(witness.seen().count(std::string(name)), 1U) << name;
  }
}

}  // namespace
}  // namespace rbdcrypt::csi

#endif  // RBDCRYPT_CRASH_POINTS
