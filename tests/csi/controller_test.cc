// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/controller.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rbd/names.h"
#include "tests/csi/csi_world.h"

namespace rbdcrypt::csi {
namespace {

namespace pb = ::csi::v1;

using rbdcrypt::testing::CsiWorld;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::int64_t kGiB = 1 << 30;

grpc::Status Create(CsiWorld& world,
                    const pb::CreateVolumeRequest& request,
                    pb::CreateVolumeResponse* response = nullptr) {
  grpc::ServerContext context;
  pb::CreateVolumeResponse unused;
  return world.controller.CreateVolume(&context, &request,
                                       response == nullptr ? &unused : response);
}

grpc::Status Delete(CsiWorld& world, const std::string& volume_id) {
  grpc::ServerContext context;
  pb::DeleteVolumeRequest request;
  request.set_volume_id(volume_id);
  (*request.mutable_secrets())["userID"] = "csi";
  (*request.mutable_secrets())["userKey"] = "a2V5";
  pb::DeleteVolumeResponse response;
  return world.controller.DeleteVolume(&context, &request, &response);
}

TEST(ControllerTest, CreateMakesAnEncryptedVolumeAndSaysWhere) {
  CsiWorld world;
  pb::CreateVolumeResponse response;
  ASSERT_TRUE(Create(world, CsiWorld::CreateRequest(), &response).ok());
  const pb::Volume& volume = response.volume();
  EXPECT_EQ(volume.capacity_bytes(), kGiB);
  EXPECT_EQ(volume.volume_context().at("pool"), "rbd");
  EXPECT_EQ(volume.volume_context().at("encryptionKMSID"), "store");
  EXPECT_EQ(volume.volume_context().count("csi.storage.k8s.io/pvc/namespace"), 0U);
  EXPECT_EQ(world.Metadata(volume, rbd::kMetaEncrypted), "encrypted");
  EXPECT_EQ(world.Metadata(volume, "csi.storage.k8s.io/pvc/namespace"), "team-a");
  EXPECT_EQ(world.Metadata(volume, "csi.ceph.com/cluster/name"), "k8s-1");
  EXPECT_NE(world.volumes.store->CurrentForTest(volume.volume_id()), "");
}

TEST(ControllerTest, CreateAgainGivesTheSameVolume) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  pb::CreateVolumeResponse again;
  ASSERT_TRUE(Create(world, CsiWorld::CreateRequest(), &again).ok());
  EXPECT_EQ(again.volume().volume_id(), volume.volume_id());
}

TEST(ControllerTest, SameNameOtherSizeIsRefused) {
  CsiWorld world;
  world.Create();
  pb::CreateVolumeRequest request = CsiWorld::CreateRequest();
  request.mutable_capacity_range()->set_required_bytes(2 * kGiB);
  EXPECT_EQ(Create(world, request).error_code(), grpc::StatusCode::ALREADY_EXISTS);
}

TEST(ControllerTest, BadCreatesMakeNothing) {
  struct Row {
    const char* what;
    grpc::StatusCode code;
    const char* words;
    void (*spoil)(pb::CreateVolumeRequest& request);
  };

  const Row kRows[] = {
      {"no name", grpc::StatusCode::INVALID_ARGUMENT, "name",
       [](pb::CreateVolumeRequest& request) { request.clear_name(); }},
      {"no capability", grpc::StatusCode::INVALID_ARGUMENT, "volume_capabilities",
       [](pb::CreateVolumeRequest& request) { request.clear_volume_capabilities(); }},
      {"read-only", grpc::StatusCode::INVALID_ARGUMENT, "content source",
       [](pb::CreateVolumeRequest& request) {
         request.mutable_volume_capabilities(0)->mutable_access_mode()->set_mode(
             pb::VolumeCapability::AccessMode::MULTI_NODE_READER_ONLY);
       }},
      {"shared file system", grpc::StatusCode::INVALID_ARGUMENT, "Block",
       [](pb::CreateVolumeRequest& request) {
         request.mutable_volume_capabilities(0)->mutable_access_mode()->set_mode(
             pb::VolumeCapability::AccessMode::MULTI_NODE_MULTI_WRITER);
       }},
      {"one of two capabilities", grpc::StatusCode::INVALID_ARGUMENT, "fs_type",
       [](pb::CreateVolumeRequest& request) {
         *request.add_volume_capabilities() = request.volume_capabilities(0);
         request.mutable_volume_capabilities(1)->mutable_mount()->set_fs_type("btrfs");
       }},
      {"clone", grpc::StatusCode::INVALID_ARGUMENT, "volume_content_source",
       [](pb::CreateVolumeRequest& request) {
         request.mutable_volume_content_source()->mutable_volume()->set_volume_id("v");
       }},
      {"attribute class", grpc::StatusCode::INVALID_ARGUMENT, "mutable_parameters",
       [](pb::CreateVolumeRequest& request) {
         (*request.mutable_mutable_parameters())["iops"] = "1";
       }},
      {"no pool", grpc::StatusCode::INVALID_ARGUMENT, "pool",
       [](pb::CreateVolumeRequest& request) { request.mutable_parameters()->erase("pool"); }},
      {"unknown cluster", grpc::StatusCode::INVALID_ARGUMENT, "elsewhere",
       [](pb::CreateVolumeRequest& request) {
         (*request.mutable_parameters())["clusterID"] = "elsewhere";
       }},
      {"fscrypt", grpc::StatusCode::INVALID_ARGUMENT, "encryptionType",
       [](pb::CreateVolumeRequest& request) {
         (*request.mutable_parameters())["encryptionType"] = "file";
       }},
      {"unknown key manager", grpc::StatusCode::INVALID_ARGUMENT, "nobody",
       [](pb::CreateVolumeRequest& request) {
         (*request.mutable_parameters())["encryptionKMSID"] = "nobody";
       }},
      {"no secrets", grpc::StatusCode::INVALID_ARGUMENT, "userID",
       [](pb::CreateVolumeRequest& request) { request.clear_secrets(); }},
      {"no key", grpc::StatusCode::INVALID_ARGUMENT, "userKey",
       [](pb::CreateVolumeRequest& request) { request.mutable_secrets()->erase("userKey"); }},
      {"negative size", grpc::StatusCode::INVALID_ARGUMENT, "capacity_range",
       [](pb::CreateVolumeRequest& request) {
         request.mutable_capacity_range()->set_required_bytes(-1);
       }},
      {"limit below", grpc::StatusCode::OUT_OF_RANGE, "capacity_range",
       [](pb::CreateVolumeRequest& request) {
         request.mutable_capacity_range()->set_limit_bytes(kGiB / 2);
       }},
      {"no room for the header", grpc::StatusCode::OUT_OF_RANGE, "header",
       [](pb::CreateVolumeRequest& request) {
         request.mutable_capacity_range()->set_required_bytes(1 << 20);
       }},
  };
  for (const Row& row : kRows) {
    CsiWorld world;
    pb::CreateVolumeRequest request = CsiWorld::CreateRequest();
    row.spoil(request);
    const grpc::Status status = Create(world, request);
    EXPECT_EQ(status.error_code(), row.code) << row.what << ": " << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(row.words)) << row.what;
    EXPECT_THAT(status.error_message(), Not(HasSubstr("a2V5"))) << row.what;
    EXPECT_EQ(world.volumes.Leftovers(), "") << row.what;
  }
}

TEST(ControllerTest, KeyManagerDownIsUnavailableAndARepeatSucceeds) {
  CsiWorld world;
  world.volumes.store->SetDown(true);
  EXPECT_EQ(Create(world, CsiWorld::CreateRequest()).error_code(), grpc::StatusCode::UNAVAILABLE);
  world.volumes.store->SetDown(false);
  EXPECT_TRUE(Create(world, CsiWorld::CreateRequest()).ok());
}

TEST(ControllerTest, DeleteLeavesNothingAndMayBeRepeated) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  EXPECT_TRUE(Delete(world, volume.volume_id()).ok());
  EXPECT_EQ(world.volumes.Leftovers(), "");
  EXPECT_EQ(world.volumes.store->CurrentForTest(volume.volume_id()), "");
  EXPECT_TRUE(Delete(world, volume.volume_id()).ok());
}

TEST(ControllerTest, DeleteOfAStrangersIdSucceedsWithoutSecrets) {
  CsiWorld world;
  grpc::ServerContext context;
  pb::DeleteVolumeRequest request;
  request.set_volume_id("fake-vol-id");
  pb::DeleteVolumeResponse response;
  EXPECT_TRUE(world.controller.DeleteVolume(&context, &request, &response).ok());
}

TEST(ControllerTest, DeleteNeverCallsAMigratedVolumeGone) {
  CsiWorld world;
  EXPECT_EQ(Delete(world,
                   "mig_mons-b7f67366bb43f32e07d8a261a7840da9_image-e0b45b52-7e09-47d3-8f1b-"
                   "806995fa4412_706f6f6c")
                .error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

TEST(ControllerTest, DeleteOfAnUnknownClustersIdIsAnError) {
  CsiWorld world;
  EXPECT_FALSE(
      Delete(world, "0001-0004-else-0000000000000001-b0285c97-a0ce-41eb-8c66-0242ac110002").ok());
}

pb::ControllerExpandVolumeRequest ExpandRequest(const std::string& volume_id, std::int64_t bytes) {
  pb::ControllerExpandVolumeRequest request;
  request.set_volume_id(volume_id);
  request.mutable_capacity_range()->set_required_bytes(bytes);
  (*request.mutable_secrets())["userID"] = "csi";
  (*request.mutable_secrets())["userKey"] = "a2V5";
  return request;
}

TEST(ControllerTest, ExpandGrowsAndSaysWhoGoesOn) {
  const struct {
    const char* kms_id;
    bool is_block;
    bool node_goes_on;
  } kRows[] = {{"store", false, true}, {"store", true, true}, {"", false, true}, {"", true, false}};

  for (const auto& row : kRows) {
    CsiWorld world;
    const pb::Volume volume = world.Create(row.kms_id);
    pb::ControllerExpandVolumeRequest request = ExpandRequest(volume.volume_id(), 2 * kGiB);
    request.mutable_volume_capability()->mutable_access_mode()->set_mode(
        pb::VolumeCapability::AccessMode::SINGLE_NODE_WRITER);
    row.is_block ? static_cast<void>(request.mutable_volume_capability()->mutable_block())
                 : static_cast<void>(request.mutable_volume_capability()->mutable_mount());
    grpc::ServerContext context;
    pb::ControllerExpandVolumeResponse response;
    const grpc::Status status =
        world.controller.ControllerExpandVolume(&context, &request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.capacity_bytes(), 2 * kGiB);
    EXPECT_EQ(response.node_expansion_required(), row.node_goes_on)
        << row.kms_id << " block " << row.is_block;
  }
}

TEST(ControllerTest, ExpandOfAnUnknownVolumeIsNotFound) {
  CsiWorld world;
  grpc::ServerContext context;
  const pb::ControllerExpandVolumeRequest request = ExpandRequest(
      "0001-0009-rook-ceph-0000000000000001-b0285c97-a0ce-41eb-8c66-0242ac110002", kGiB);
  pb::ControllerExpandVolumeResponse response;
  EXPECT_EQ(world.controller.ControllerExpandVolume(&context, &request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

pb::ValidateVolumeCapabilitiesRequest ValidateRequest(const pb::Volume& volume) {
  pb::ValidateVolumeCapabilitiesRequest request;
  request.set_volume_id(volume.volume_id());
  *request.mutable_volume_context() = volume.volume_context();
  *request.add_volume_capabilities() = CsiWorld::CreateRequest().volume_capabilities(0);
  *request.mutable_secrets() = CsiWorld::CreateRequest().secrets();
  return request;
}

TEST(ControllerTest, ValidateConfirmsAndEchoesWhatIsOffered) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  const pb::ValidateVolumeCapabilitiesRequest request = ValidateRequest(volume);
  grpc::ServerContext context;
  pb::ValidateVolumeCapabilitiesResponse response;
  ASSERT_TRUE(world.controller.ValidateVolumeCapabilities(&context, &request, &response).ok());
  ASSERT_TRUE(response.has_confirmed());
  EXPECT_EQ(response.confirmed().volume_capabilities_size(), 1);
  EXPECT_EQ(response.confirmed().volume_context().at("pool"), "rbd");
}

TEST(ControllerTest, ValidateSaysWhyItDoesNotConfirm) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  pb::ValidateVolumeCapabilitiesRequest request = ValidateRequest(volume);
  request.mutable_volume_capabilities(0)->mutable_access_mode()->set_mode(
      pb::VolumeCapability::AccessMode::MULTI_NODE_MULTI_WRITER);
  grpc::ServerContext context;
  pb::ValidateVolumeCapabilitiesResponse response;
  ASSERT_TRUE(world.controller.ValidateVolumeCapabilities(&context, &request, &response).ok());
  EXPECT_FALSE(response.has_confirmed());
  EXPECT_THAT(response.message(), HasSubstr("MULTI_NODE_MULTI_WRITER"));
}

TEST(ControllerTest, ValidateOfNoVolumeIsNotFound) {
  CsiWorld world;
  pb::ValidateVolumeCapabilitiesRequest request = ValidateRequest(world.Create());
  for (const char* volume_id :
       {"fake-vol-id",
        "0001-0009-rook-ceph-0000000000000001-b0285c97-a0ce-41eb-8c66-0242ac110002"}) {
    request.set_volume_id(volume_id);
    grpc::ServerContext context;
    pb::ValidateVolumeCapabilitiesResponse response;
    EXPECT_EQ(
        world.controller.ValidateVolumeCapabilities(&context, &request, &response).error_code(),
        grpc::StatusCode::NOT_FOUND)
        << volume_id;
  }
}

TEST(ControllerTest, AdvertisesWhatIsThere) {
  CsiWorld world;
  grpc::ServerContext context;
  const pb::ControllerGetCapabilitiesRequest request;
  pb::ControllerGetCapabilitiesResponse response;
  ASSERT_TRUE(world.controller.ControllerGetCapabilities(&context, &request, &response).ok());
  std::vector<std::string> names;
  for (const pb::ControllerServiceCapability& capability : response.capabilities()) {
    names.push_back(pb::ControllerServiceCapability::RPC::Type_Name(capability.rpc().type()));
  }
  EXPECT_THAT(names,
              ElementsAre("CREATE_DELETE_VOLUME", "EXPAND_VOLUME", "SINGLE_NODE_MULTI_WRITER"));
}

TEST(ControllerTest, PublishDoesNothingButLookAtItsFields) {
  CsiWorld world;
  grpc::ServerContext context;
  pb::ControllerPublishVolumeRequest request;
  pb::ControllerPublishVolumeResponse response;
  EXPECT_EQ(world.controller.ControllerPublishVolume(&context, &request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request.set_volume_id("v");
  request.set_node_id("n");
  request.mutable_volume_capability();
  grpc::ServerContext again;
  EXPECT_TRUE(world.controller.ControllerPublishVolume(&again, &request, &response).ok());
  EXPECT_THAT(response.publish_context(), IsEmpty());
}

TEST(ControllerTest, WhatIsNotOfferedSaysSo) {
  CsiWorld world;
  grpc::ServerContext context;
  const pb::CreateSnapshotRequest request;
  pb::CreateSnapshotResponse response;
  const grpc::Status status = world.controller.CreateSnapshot(&context, &request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("CreateSnapshot"));
}

}  // namespace
}  // namespace rbdcrypt::csi
