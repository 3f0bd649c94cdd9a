// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/node.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "csi/staging_record.h"
#include "tests/csi/csi_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::csi {
namespace {

namespace pb = ::csi::v1;

using rbdcrypt::testing::CsiWorld;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

grpc::Status Stats(CsiWorld& world,
                   const std::string& path,
                   pb::NodeGetVolumeStatsResponse* response = nullptr) {
  grpc::ServerContext context;
  pb::NodeGetVolumeStatsRequest request;
  request.set_volume_id("v");
  request.set_volume_path(path);
  pb::NodeGetVolumeStatsResponse unused;
  return world.node->NodeGetVolumeStats(&context, &request,
                                        response == nullptr ? &unused : response);
}

grpc::Status Expand(CsiWorld& world,
                    const pb::Volume& volume,
                    const std::string& volume_path,
                    const std::string& staging_path,
                    pb::NodeExpandVolumeRequest request = {}) {
  grpc::ServerContext context;
  request.set_volume_id(volume.volume_id());
  request.set_volume_path(volume_path);
  request.set_staging_target_path(staging_path);
  request.mutable_capacity_range()->set_required_bytes(2LL << 30);
  pb::NodeExpandVolumeResponse response;
  return world.node->NodeExpandVolume(&context, &request, &response);
}

TEST(NodeTest, TellsWhoItIs) {
  CsiWorld world;
  grpc::ServerContext context;
  const pb::NodeGetInfoRequest request;
  pb::NodeGetInfoResponse response;
  ASSERT_TRUE(world.node->NodeGetInfo(&context, &request, &response).ok());
  EXPECT_EQ(response.node_id(), "node-1");
  EXPECT_FALSE(response.has_accessible_topology());
}

TEST(NodeTest, TellsItsTopologyWhereItHasOne) {
  CsiWorld world;
  NodeService node(world.door,
                   {.flow = *world.stage_flow,
                    .attachers = world.attachers,
                    .host = world.host,
                    .gate = world.gate},
                   {.node_id = "n", .topology = {{"topology.rbd.csi.ceph.com/zone", "a"}}});
  grpc::ServerContext context;
  const pb::NodeGetInfoRequest request;
  pb::NodeGetInfoResponse response;
  ASSERT_TRUE(node.NodeGetInfo(&context, &request, &response).ok());
  EXPECT_EQ(response.accessible_topology().segments().at("topology.rbd.csi.ceph.com/zone"), "a");
}

TEST(NodeTest, AdvertisesWhatCephCsiDoes) {
  CsiWorld world;
  grpc::ServerContext context;
  const pb::NodeGetCapabilitiesRequest request;
  pb::NodeGetCapabilitiesResponse response;
  ASSERT_TRUE(world.node->NodeGetCapabilities(&context, &request, &response).ok());
  std::vector<std::string> names;
  for (const pb::NodeServiceCapability& capability : response.capabilities()) {
    names.push_back(pb::NodeServiceCapability::RPC::Type_Name(capability.rpc().type()));
  }
  EXPECT_THAT(names, ElementsAre("STAGE_UNSTAGE_VOLUME", "GET_VOLUME_STATS", "VOLUME_CONDITION",
                                 "EXPAND_VOLUME", "SINGLE_NODE_MULTI_WRITER"));
}

TEST(NodeTest, StatsOfAFileSystemCountBytesAndInodes) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  ASSERT_TRUE(world.Stage(world.StageRequest(volume)).ok());
  pb::NodeGetVolumeStatsResponse response;
  ASSERT_TRUE(Stats(world, world.StagedPath(volume), &response).ok());
  ASSERT_EQ(response.usage_size(), 2);
  EXPECT_EQ(response.usage(0).unit(), pb::VolumeUsage::BYTES);
  EXPECT_EQ(response.usage(0).total(), 1000);
  EXPECT_EQ(response.usage(0).used(), 300);
  EXPECT_EQ(response.usage(0).available(), 600);
  EXPECT_EQ(response.usage(1).unit(), pb::VolumeUsage::INODES);
  EXPECT_EQ(response.usage(1).total(), 50);
  EXPECT_FALSE(response.volume_condition().abnormal());
  EXPECT_NE(response.volume_condition().message(), "");
}

TEST(NodeTest, StatsOfABlockVolumeKnowItsSize) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  pb::NodeStageVolumeRequest request = world.StageRequest(volume);
  request.mutable_volume_capability()->mutable_block();
  ASSERT_TRUE(world.Stage(request).ok());
  pb::NodeGetVolumeStatsResponse response;
  ASSERT_TRUE(Stats(world, world.StagedPath(volume), &response).ok());
  ASSERT_EQ(response.usage_size(), 1);
  EXPECT_EQ(response.usage(0).total(), 1000);
}

TEST(NodeTest, ADeadMountIsAnAnswer) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  ASSERT_TRUE(world.Stage(world.StageRequest(volume)).ok());
  world.host.SetDead(world.StagedPath(volume));
  pb::NodeGetVolumeStatsResponse response;
  ASSERT_TRUE(Stats(world, world.StagedPath(volume), &response).ok());
  EXPECT_TRUE(response.volume_condition().abnormal());
  EXPECT_THAT(response.volume_condition().message(), HasSubstr("does not answer"));
  EXPECT_EQ(response.usage_size(), 0);
}

TEST(NodeTest, StatsOfNoVolumeAreNotFoundRelativePathsToo) {
  CsiWorld world;
  for (const std::string& path :
       {std::string("some/path"), world.staging_path, std::string("/no/such/path")}) {
    EXPECT_EQ(Stats(world, path).error_code(), grpc::StatusCode::NOT_FOUND) << path;
  }
}

// Every way in which a kubelet or csi-sanity names a volume to be grown.
TEST(NodeTest, ExpandFindsTheVolumeByAnyPath) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  ASSERT_TRUE(world.Stage(world.StageRequest(volume)).ok());
  const std::string target = world.node_folder.File("target");
  ASSERT_TRUE(world.Publish(world.PublishRequest(volume, target)).ok());

  const struct {
    std::string volume_path;
    std::string staging_path;
  } kRows[] = {
      {target, world.staging_path},
      {target, ""},
      {world.staging_path, ""},
      {world.StagedPath(volume), ""},
  };

  for (const auto& row : kRows) {
    world.host.ClearEffects();
    const grpc::Status status = Expand(world, volume, row.volume_path, row.staging_path);
    ASSERT_TRUE(status.ok()) << row.volume_path << ": " << status.error_message();
    EXPECT_THAT(world.host.effects(), ElementsAre(Cat("grow ", world.StagedPath(volume))));
  }
  // With the size that the image is to have.
  EXPECT_THAT(world.krbd.effects(),
              Contains(HasSubstr(Cat("grow ", CsiWorld::ImageOf(volume), " to ", 2LL << 30))));
}

TEST(NodeTest, ExpandOfABlockVolumeGrowsTheDeviceOnly) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  pb::NodeStageVolumeRequest request = world.StageRequest(volume);
  request.mutable_volume_capability()->mutable_block();
  ASSERT_TRUE(world.Stage(request).ok());
  world.host.ClearEffects();
  ASSERT_TRUE(Expand(world, volume, world.StagedPath(volume), world.staging_path).ok());
  EXPECT_THAT(world.host.effects(), ::testing::IsEmpty());
  EXPECT_THAT(world.krbd.effects(), Contains(HasSubstr("grow ")));
}

// Safety D4: between reading the image's size and setting it, another node's expansion fits.
TEST(NodeTest, ExpandThatResizesASharedImageNeedsASecret) {
  const struct {
    bool resizes_image;
    pb::VolumeCapability::AccessMode::Mode mode;
    bool has_secret;
    grpc::StatusCode code;
  } kRows[] = {
      {true, pb::VolumeCapability::AccessMode::MULTI_NODE_MULTI_WRITER, false,
       grpc::StatusCode::FAILED_PRECONDITION},
      {true, pb::VolumeCapability::AccessMode::MULTI_NODE_MULTI_WRITER, true, grpc::StatusCode::OK},
      {true, pb::VolumeCapability::AccessMode::SINGLE_NODE_WRITER, false, grpc::StatusCode::OK},
      {false, pb::VolumeCapability::AccessMode::MULTI_NODE_MULTI_WRITER, false,
       grpc::StatusCode::OK},
  };

  for (const auto& row : kRows) {
    CsiWorld world;
    const pb::Volume volume = world.Create();
    pb::NodeStageVolumeRequest stage = world.StageRequest(volume);
    stage.mutable_volume_capability()->mutable_block();
    stage.mutable_volume_capability()->mutable_access_mode()->set_mode(row.mode);
    ASSERT_TRUE(world.Stage(stage).ok());
    if (row.resizes_image) {
      world.krbd.ResizeImageOnGrow();
    }
    pb::NodeExpandVolumeRequest request;
    *request.mutable_volume_capability() = stage.volume_capability();
    if (row.has_secret) {
      *request.mutable_secrets() = stage.secrets();
    }
    const grpc::Status status =
        Expand(world, volume, world.StagedPath(volume), world.staging_path, request);
    EXPECT_EQ(status.error_code(), row.code) << status.error_message();
    if (!status.ok()) {
      EXPECT_THAT(status.error_message(), HasSubstr("csi.storage.k8s.io/node-expand-secret-name"));
    }
    const auto grows = Contains(HasSubstr("grow "));
    EXPECT_EQ(::testing::Value(world.krbd.effects(), grows), status.ok());
  }
}

// Safety D4, G1: whoever holds the volume's lock, the controller that expands it for one, is waited
// for by a mapper that resizes the image itself.
TEST(NodeTest, ExpandThatResizesTheImageTakesTheVolumesLock) {
  CsiWorld world;
  world.krbd.ResizeImageOnGrow();
  const pb::Volume volume = world.Create();
  const pb::NodeStageVolumeRequest stage = world.StageRequest(volume);
  ASSERT_TRUE(world.Stage(stage).ok());
  pb::NodeExpandVolumeRequest request;
  *request.mutable_secrets() = stage.secrets();
  rbd::LockTable& locks = world.volumes.ceph.Admin().locks();
  const rbd::LockName name = rbd::VolumeLockName(volume.volume_id());
  ASSERT_THAT(locks.Acquire(name, rbd::kVolumeLockDuration, {"note", ""}),
              rbdcrypt::testing::IsOk());
  EXPECT_EQ(
      Expand(world, volume, world.StagedPath(volume), world.staging_path, request).error_code(),
      grpc::StatusCode::ABORTED);
  EXPECT_THAT(world.krbd.effects(), ::testing::Not(Contains(HasSubstr("grow "))));
  ASSERT_THAT(locks.Release(name, "note"), rbdcrypt::testing::IsOk());
  EXPECT_TRUE(Expand(world, volume, world.StagedPath(volume), world.staging_path, request).ok());
}

// Safety D1: by name alone, it could be that of another cluster.
TEST(NodeTest, RecordedClusterGoesWithTheImage) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  ASSERT_TRUE(world.Stage(world.StageRequest(volume)).ok());
  const StagingRecord record(world.staging_path);
  ASSERT_OK_AND_ASSIGN(auto intent, record.ReadIntent());
  ASSERT_TRUE(intent.has_value());
  EXPECT_THAT(intent->cluster_fsid, Not(IsEmpty()));
  EXPECT_THAT(world.krbd.effects(),
              ElementsAre(AllOf(HasSubstr("attach "), HasSubstr(" of " + intent->cluster_fsid))));
  intent->cluster_fsid = "fsid-1";
  ASSERT_THAT(record.WriteIntent(*intent), rbdcrypt::testing::IsOk());
  ASSERT_TRUE(Expand(world, volume, world.StagedPath(volume), world.staging_path).ok());
  ASSERT_TRUE(world.Unstage(world.UnstageRequest(volume)).ok());
  const std::string image = CsiWorld::ImageOf(volume);
  EXPECT_THAT(world.krbd.effects(), Contains(Cat("grow ", image, " to ", 2LL << 30, " of fsid-1")));
  EXPECT_THAT(world.krbd.effects(), Contains(Cat("detach ", image, " of fsid-1")));
}

TEST(NodeTest, ExpandOfWhatIsNotThereIsNotFound) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  EXPECT_EQ(Expand(world, volume, "some/path", "").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Expand(world, volume, world.StagedPath(volume), world.staging_path).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST(NodeTest, ExpandWithoutItsDeviceIsRefused) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  ASSERT_TRUE(world.Stage(world.StageRequest(volume)).ok());
  world.krbd.Lose(CsiWorld::ImageOf(volume));
  EXPECT_EQ(Expand(world, volume, world.StagedPath(volume), world.staging_path).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

}  // namespace
}  // namespace rbdcrypt::csi
