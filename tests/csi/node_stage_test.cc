// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/node_stage.h"

#include <cstdint>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "csi/staging_record.h"
#include "rbd/luks/header.h"
#include "rbd/luks/memory_gate.h"
#include "rbd/names.h"
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

MATCHER(IsOkRpc, "is OK") {
  *result_listener << "which says " << arg.error_code() << ": " << arg.error_message();
  return arg.ok();
}

MATCHER_P2(Fails, code, words, "fails") {
  *result_listener << "which says " << arg.error_code() << ": " << arg.error_message();
  return arg.error_code() == code && arg.error_message().find(words) != std::string::npos;
}

constexpr auto kFailedPrecondition = grpc::StatusCode::FAILED_PRECONDITION;

TEST(NodeStageTest, FirstStageMakesAFileSystemOnce) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  const std::string device = world.DeviceOf(volume);
  ASSERT_THAT(world.Stage(world.StageRequest(volume)), IsOkRpc());
  EXPECT_THAT(world.host.effects(), ElementsAre(Cat("mkfs ext4 ", device),
                                                Cat("mount ", device, " ", world.StagedPath(volume),
                                                    " _netdev,errors=remount-ro")));
  EXPECT_EQ(world.Metadata(volume, rbd::kMetaFilesystem), "made");
  EXPECT_EQ(world.krbd.DekOf(CsiWorld::ImageOf(volume)),
            world.volumes.store->CurrentForTest(volume.volume_id()));

  ASSERT_THAT(world.Unstage(world.UnstageRequest(volume)), IsOkRpc());
  EXPECT_EQ(world.NodeLeftovers(volume), "");
  world.host.ClearEffects();
  ASSERT_THAT(world.Stage(world.StageRequest(volume)), IsOkRpc());
  EXPECT_THAT(world.host.effects(), ElementsAre(Cat("fsck ", device), HasSubstr("mount "),
                                                Cat("grow ", world.StagedPath(volume))));
}

TEST(NodeStageTest, RecordIsCephCsisAndOurs) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  ASSERT_THAT(world.Stage(world.StageRequest(volume)), IsOkRpc());
  EXPECT_EQ(
      world.node_folder.Read("globalmount/image-meta.json"),
      Cat(R"({"Version":3,"pool":"rbd","radosNamespace":"","image":")", CsiWorld::ImageOf(volume),
          R"(","unmapOptions":"","accessType":false,"encrypted":true,"device":"",)",
          R"("logDir":"","logFileStrategy":""})"));

  struct stat info {};

  ASSERT_EQ(::stat(world.StagedPath(volume).c_str(), &info), 0);
  EXPECT_TRUE(S_ISDIR(info.st_mode));
}

TEST(NodeStageTest, PlainVolumeTouchesNoKey) {
  CsiWorld world;
  const pb::Volume volume = world.Create("");
  ASSERT_THAT(world.Stage(world.StageRequest(volume)), IsOkRpc());
  EXPECT_EQ(world.krbd.DekOf(CsiWorld::ImageOf(volume)), "");
  EXPECT_THAT(world.krbd.effects(), ElementsAre(HasSubstr("plain")));
  EXPECT_EQ(world.volumes.store->calls(), 0);
  EXPECT_THAT(world.node_folder.Read("globalmount/image-meta.json"),
              HasSubstr(R"("encrypted":false)"));
}

// Gives the volume a second keyslot, of 32 MiB; the DEK's own takes none.
void AddExpensiveKeyslot(CsiWorld& world, const pb::Volume& volume) {
  const Context context = Context::Background();
  ASSERT_OK_AND_ASSIGN(const auto image, world.volumes.ceph.Admin().images().Open(
                                             CsiWorld::ImageOf(volume), rbd::OpenMode::kReadWrite));
  ASSERT_OK_AND_ASSIGN(rbd::luks::Header header, rbd::luks::Header::Load(context, *image));
  const Secret dek(world.volumes.store->CurrentForTest(volume.volume_id()));
  ASSERT_THAT(header.AddKeyslot(context, dek, Secret("an administrator's"),
                                rbd::luks::KdfProfile::kHumanPassphrase),
              rbdcrypt::testing::IsOk());
  ASSERT_THAT(header.WriteBack(context, *image), rbdcrypt::testing::IsOk());
}

// Safety E5: while it opens the volume, a mapper that takes the proven slot has what that takes of
// the gate's budget, which is nothing, and one that tries them all has the dearest's 32 MiB.
TEST(NodeStageTest, MemoryGateIsPassedWithWhatTheMapperWillRun) {
  for (const bool tries_every_keyslot : {false, true}) {
    CsiWorld world;
    const pb::Volume volume = world.Create();
    AddExpensiveKeyslot(world, volume);
    if (tries_every_keyslot) {
      world.krbd.TryEveryKeyslot();
    }
    bool has_looked = false;
    world.krbd.CallInAttach([&] {
      has_looked = true;
      // Asks once, and does not wait.
      int asked = 0;
      const Context hasty({.clock = &SystemClock(), .is_cancelled = [&] { return ++asked > 1; }});
      const std::uint64_t half = rbd::luks::kCheapKdfBudgetBytes / 2;
      const auto first = world.gate.Enter(Context::Background(), half);
      EXPECT_THAT(first, rbdcrypt::testing::IsOk());
      EXPECT_EQ(world.gate.Enter(hasty, half).ok(), !tries_every_keyslot);
    });
    ASSERT_THAT(world.Stage(world.StageRequest(volume)), IsOkRpc());
    EXPECT_TRUE(has_looked);
  }
}

TEST(NodeStageTest, StageAgainChangesNothing) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  ASSERT_THAT(world.Stage(world.StageRequest(volume)), IsOkRpc());
  world.host.ClearEffects();
  // The same use by the name that older kubelets give it.
  pb::NodeStageVolumeRequest request = world.StageRequest(volume);
  request.mutable_volume_capability()->mutable_access_mode()->set_mode(
      pb::VolumeCapability::AccessMode::SINGLE_NODE_WRITER);
  request.mutable_volume_capability()->mutable_mount()->clear_fs_type();
  ASSERT_THAT(world.Stage(request), IsOkRpc());
  EXPECT_THAT(world.host.effects(), ElementsAre(Cat("grow ", world.StagedPath(volume))));
  EXPECT_EQ(world.krbd.effects().size(), 1U);
}

TEST(NodeStageTest, StageInAnotherWayIsRefused) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  ASSERT_THAT(world.Stage(world.StageRequest(volume)), IsOkRpc());
  pb::NodeStageVolumeRequest block = world.StageRequest(volume);
  block.mutable_volume_capability()->mutable_block();
  EXPECT_THAT(world.Stage(block), Fails(grpc::StatusCode::ALREADY_EXISTS, "another capability"));
  pb::NodeStageVolumeRequest xfs = world.StageRequest(volume);
  xfs.mutable_volume_capability()->mutable_mount()->set_fs_type("xfs");
  EXPECT_THAT(world.Stage(xfs), Fails(grpc::StatusCode::ALREADY_EXISTS, "ext4"));
  pb::NodeStageVolumeRequest reader = world.StageRequest(volume);
  reader.mutable_volume_capability()->mutable_access_mode()->set_mode(
      pb::VolumeCapability::AccessMode::SINGLE_NODE_READER_ONLY);
  EXPECT_THAT(world.Stage(reader), Fails(grpc::StatusCode::ALREADY_EXISTS, "another"));
}

TEST(NodeStageTest, MountedVolumeThatLostItsDeviceIsNotConfirmed) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  ASSERT_THAT(world.Stage(world.StageRequest(volume)), IsOkRpc());
  world.krbd.Lose(CsiWorld::ImageOf(volume));
  EXPECT_THAT(world.Stage(world.StageRequest(volume)), Fails(kFailedPrecondition, "lost"));
}

TEST(NodeStageTest, AnUnknownMountInTheStagingPathIsNotTakenForTheVolume) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  std::filesystem::create_directory(world.StagedPath(volume));
  world.host.SetFilesystem("/dev/other", "ext4");
  ASSERT_THAT(world.host.Mount(Context::Background(), {.device = "/dev/other",
                                                       .target = world.StagedPath(volume),
                                                       .fs_type = "ext4",
                                                       .options = {}}),
              rbdcrypt::testing::IsOk());
  EXPECT_THAT(world.Stage(world.StageRequest(volume)), Fails(kFailedPrecondition, "no record"));
}

TEST(NodeStageTest, PlainMountOfAnEncryptedVolumeIsNotConfirmed) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  ASSERT_THAT(world.Stage(world.StageRequest(volume)), IsOkRpc());
  ImageMeta meta;
  meta.pool = "rbd";
  meta.image = CsiWorld::ImageOf(volume);
  world.node_folder.Write("globalmount/image-meta.json", FormatImageMeta(meta));
  EXPECT_THAT(world.Stage(world.StageRequest(volume)), Fails(kFailedPrecondition, "encrypted"));
}

TEST(NodeStageTest, BlockVolumeIsADeviceOverAFile) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  pb::NodeStageVolumeRequest request = world.StageRequest(volume);
  request.mutable_volume_capability()->mutable_block();
  ASSERT_THAT(world.Stage(request), IsOkRpc());
  EXPECT_THAT(world.host.effects(),
              ElementsAre(Cat("bind ", world.DeviceOf(volume), " ", world.StagedPath(volume))));

  struct stat info {};

  ASSERT_EQ(::stat(world.StagedPath(volume).c_str(), &info), 0);
  EXPECT_TRUE(S_ISREG(info.st_mode));
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
  EXPECT_EQ(world.Metadata(volume, rbd::kMetaFilesystem), "");
  ASSERT_THAT(world.Stage(request), IsOkRpc());
  ASSERT_THAT(world.Unstage(world.UnstageRequest(volume)), IsOkRpc());
  EXPECT_EQ(world.NodeLeftovers(volume), "");
}

TEST(NodeStageTest, ReaderOfABlankVolumeIsRefusedAndNothingIsLeft) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  pb::NodeStageVolumeRequest request = world.StageRequest(volume);
  request.mutable_volume_capability()->mutable_access_mode()->set_mode(
      pb::VolumeCapability::AccessMode::MULTI_NODE_READER_ONLY);
  EXPECT_THAT(world.Stage(request), Fails(kFailedPrecondition, "blank"));
  EXPECT_EQ(world.NodeLeftovers(volume), "");
  EXPECT_EQ(world.Metadata(volume, rbd::kMetaFilesystem), "");
}

TEST(NodeStageTest, ReaderMapsAndMountsReadOnly) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  ASSERT_THAT(world.Stage(world.StageRequest(volume)), IsOkRpc());
  ASSERT_THAT(world.Unstage(world.UnstageRequest(volume)), IsOkRpc());
  world.host.ClearEffects();
  pb::NodeStageVolumeRequest request = world.StageRequest(volume);
  request.mutable_volume_capability()->mutable_access_mode()->set_mode(
      pb::VolumeCapability::AccessMode::MULTI_NODE_READER_ONLY);
  ASSERT_THAT(world.Stage(request), IsOkRpc());
  EXPECT_THAT(world.host.effects(), ElementsAre(AllOf(HasSubstr("mount "), HasSubstr(",ro"))));
  EXPECT_THAT(world.krbd.effects(), Contains(HasSubstr("encrypted ro")));
}

TEST(NodeStageTest, AVanishedFileSystemIsNeverMadeAgain) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  ASSERT_THAT(world.Stage(world.StageRequest(volume)), IsOkRpc());
  ASSERT_THAT(world.Unstage(world.UnstageRequest(volume)), IsOkRpc());
  world.host.SetFilesystem(world.DeviceOf(volume), "");
  world.host.ClearEffects();
  EXPECT_THAT(world.Stage(world.StageRequest(volume)),
              Fails(kFailedPrecondition, "no file system is found"));
  EXPECT_THAT(world.host.effects(), IsEmpty());
  EXPECT_EQ(world.NodeLeftovers(volume), "");
}

TEST(NodeStageTest, AnotherFileSystemThanAskedForIsNamed) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  ASSERT_THAT(world.Stage(world.StageRequest(volume)), IsOkRpc());
  ASSERT_THAT(world.Unstage(world.UnstageRequest(volume)), IsOkRpc());
  pb::NodeStageVolumeRequest request = world.StageRequest(volume);
  request.mutable_volume_capability()->mutable_mount()->set_fs_type("xfs");
  EXPECT_THAT(world.Stage(request),
              AllOf(Fails(kFailedPrecondition, "ext4"), Fails(kFailedPrecondition, "xfs")));
  world.host.SetFilesystem(world.DeviceOf(volume), "btrfs");
  EXPECT_THAT(world.Stage(world.StageRequest(volume)), Fails(kFailedPrecondition, "btrfs"));
}

TEST(NodeStageTest, FailedStepsAreUndoneAndTheNextStageSucceeds) {
  for (const char* step : {"mkfs", "mount"}) {
    CsiWorld world;
    const pb::Volume volume = world.Create();
    world.host.FailOnce(step, Internal("out of luck"));
    EXPECT_THAT(world.Stage(world.StageRequest(volume)),
                Fails(grpc::StatusCode::INTERNAL, "out of luck"))
        << step;
    EXPECT_EQ(world.NodeLeftovers(volume), "") << step;
    EXPECT_THAT(world.Stage(world.StageRequest(volume)), IsOkRpc()) << step;
  }
  CsiWorld world;
  const pb::Volume volume = world.Create();
  world.krbd.FailOnce("attach", Unauthenticated("opens no slot"));
  EXPECT_THAT(world.Stage(world.StageRequest(volume)),
              Fails(grpc::StatusCode::UNAUTHENTICATED, "opens no slot"));
  EXPECT_EQ(world.NodeLeftovers(volume), "");
}

TEST(NodeStageTest, WhatCannotBeUndoneStaysRecordedForUnstage) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  world.host.FailOnce("mkfs", Internal("out of luck"));
  world.krbd.FailOnce("detach", FailedPrecondition("busy"));
  EXPECT_THAT(world.Stage(world.StageRequest(volume)),
              Fails(grpc::StatusCode::INTERNAL, "out of luck"));
  EXPECT_THAT(world.NodeLeftovers(volume), HasSubstr("device"));
  EXPECT_THAT(world.Unstage(world.UnstageRequest(volume)), IsOkRpc());
  EXPECT_EQ(world.NodeLeftovers(volume), "");
}

TEST(NodeStageTest, WhatWasAttachedBeforeStaysWhenAStageFails) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  const rbd::attach::ClusterAccess access{.monitors = {}, .user = "csi", .key = Secret("k")};
  ASSERT_TRUE(world.krbd
                  .Attach(Context::Background(), {.cluster = access,
                                                  .pool = "rbd",
                                                  .rados_namespace = "",
                                                  .image = CsiWorld::ImageOf(volume),
                                                  .volume_id = volume.volume_id(),
                                                  .map_options = ""})
                  .ok());
  world.host.FailOnce("mkfs", Internal("out of luck"));
  EXPECT_FALSE(world.Stage(world.StageRequest(volume)).ok());
  EXPECT_TRUE(world.krbd.IsAttached(CsiWorld::ImageOf(volume)));
}

TEST(NodeStageTest, UnstageOfNothingSucceeds) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  EXPECT_THAT(world.Unstage(world.UnstageRequest(volume)), IsOkRpc());
  pb::NodeUnstageVolumeRequest nowhere = world.UnstageRequest(volume);
  nowhere.set_staging_target_path("/no/such/path");
  EXPECT_THAT(world.Unstage(nowhere), IsOkRpc());
}

TEST(NodeStageTest, UnstageWorksFromCephCsisRecordAlone) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  ASSERT_THAT(world.Stage(world.StageRequest(volume)), IsOkRpc());
  std::filesystem::remove(world.node_folder.File("globalmount/rbdcrypt-stage.json"));
  ASSERT_THAT(world.Stage(world.StageRequest(volume)), IsOkRpc());
  ASSERT_THAT(world.Unstage(world.UnstageRequest(volume)), IsOkRpc());
  EXPECT_EQ(world.NodeLeftovers(volume), "");
}

TEST(NodeStageTest, UnstageNeverDetachesByADamagedRecord) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  ASSERT_THAT(world.Stage(world.StageRequest(volume)), IsOkRpc());
  world.node_folder.Write("globalmount/image-meta.json", "{");
  EXPECT_THAT(world.Unstage(world.UnstageRequest(volume)),
              Fails(grpc::StatusCode::DATA_LOSS, "image-meta.json"));
  EXPECT_TRUE(world.krbd.IsAttached(CsiWorld::ImageOf(volume)));
}

TEST(NodeStageTest, AnothersRecordInTheStagingPathIsRefused) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  world.node_folder.Write("globalmount/rbdcrypt-stage.json",
                          FormatStageIntent({.volume_id = "other", .attacher = "krbd"}));
  EXPECT_THAT(world.Stage(world.StageRequest(volume)), Fails(grpc::StatusCode::DATA_LOSS, "other"));
}

TEST(NodeStageTest, UnstageOfAVolumeInUseKeepsItsRecord) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  ASSERT_THAT(world.Stage(world.StageRequest(volume)), IsOkRpc());
  ASSERT_THAT(world.Publish(world.PublishRequest(volume, world.node_folder.File("target"))),
              IsOkRpc());
  EXPECT_THAT(world.Unstage(world.UnstageRequest(volume)), Fails(kFailedPrecondition, "in use"));
  ASSERT_THAT(world.Unpublish(volume.volume_id(), world.node_folder.File("target")), IsOkRpc());
  EXPECT_THAT(world.Unstage(world.UnstageRequest(volume)), IsOkRpc());
  EXPECT_EQ(world.NodeLeftovers(volume), "");
}

TEST(NodeStageTest, AnotherAttacherIsTriedOnlyWhereTheClassAllowsIt) {
  CsiWorld world;
  world.krbd.RefuseCipher("aes-xts-plain64");
  const pb::Volume volume = world.Create();
  EXPECT_THAT(world.Stage(world.StageRequest(volume)),
              Fails(grpc::StatusCode::INVALID_ARGUMENT, "krbd does not open"));
  EXPECT_EQ(world.NodeLeftovers(volume), "");

  pb::NodeStageVolumeRequest request = world.StageRequest(volume);
  (*request.mutable_volume_context())["tryOtherMounters"] = "true";
  ASSERT_THAT(world.Stage(request), IsOkRpc());
  EXPECT_TRUE(world.qemu.IsAttached(CsiWorld::ImageOf(volume)));
  EXPECT_THAT(world.node_folder.Read("globalmount/rbdcrypt-stage.json"),
              HasSubstr(R"("attacher":"qemu")"));
  ASSERT_THAT(world.Unstage(world.UnstageRequest(volume)), IsOkRpc());
  EXPECT_EQ(world.NodeLeftovers(volume), "");
}

TEST(NodeStageTest, OptionsReachTheirMapper) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  pb::NodeStageVolumeRequest request = world.StageRequest(volume);
  (*request.mutable_volume_context())["mapOptions"] = "krbd:lock_on_read;nbd:x";
  (*request.mutable_volume_context())["unmapOptions"] = "krbd:force";
  (*request.mutable_volume_context())["mkfsOptions"] = "-m0 -T news";
  request.mutable_volume_capability()->mutable_mount()->add_mount_flags("noatime");
  ASSERT_THAT(world.Stage(request), IsOkRpc());
  EXPECT_THAT(world.krbd.effects(), ElementsAre(HasSubstr(" lock_on_read")));
  EXPECT_THAT(world.host.effects(), ElementsAre(HasSubstr(" -m0,-T,news"), HasSubstr(",noatime")));
  EXPECT_THAT(world.node_folder.Read("globalmount/image-meta.json"),
              HasSubstr(R"("unmapOptions":"force")"));
}

TEST(NodeStageTest, BadStagesChangeNothing) {
  struct Row {
    const char* what;
    grpc::StatusCode code;
    const char* words;
    void (*spoil)(pb::NodeStageVolumeRequest& request);
  };

  const Row kRows[] = {
      {"shared file system", kFailedPrecondition, "MULTI_NODE_MULTI_WRITER",
       [](pb::NodeStageVolumeRequest& request) {
         request.mutable_volume_capability()->mutable_access_mode()->set_mode(
             pb::VolumeCapability::AccessMode::MULTI_NODE_MULTI_WRITER);
       }},
      {"fscrypt", grpc::StatusCode::INVALID_ARGUMENT, "encryptionType",
       [](pb::NodeStageVolumeRequest& request) {
         (*request.mutable_volume_context())["encryptionType"] = "file";
       }},
      {"no secrets", grpc::StatusCode::INVALID_ARGUMENT, "secrets",
       [](pb::NodeStageVolumeRequest& request) { request.clear_secrets(); }},
      {"unknown volume", grpc::StatusCode::NOT_FOUND, "",
       [](pb::NodeStageVolumeRequest& request) {
         request.set_volume_id(
             "0001-0009-rook-ceph-0000000000000001-b0285c97-a0ce-41eb-8c66-0242ac110002");
       }},
      {"no staging path", kFailedPrecondition, "staging_target_path",
       [](pb::NodeStageVolumeRequest& request) {
         request.set_staging_target_path("/no/such/path");
       }},
  };
  for (const Row& row : kRows) {
    CsiWorld world;
    const pb::Volume volume = world.Create();
    pb::NodeStageVolumeRequest request = world.StageRequest(volume);
    row.spoil(request);
    EXPECT_THAT(world.Stage(request), Fails(row.code, row.words)) << row.what;
    EXPECT_EQ(world.NodeLeftovers(volume), "") << row.what;
  }
}

TEST(NodeStageTest, ErrorsOfTheKeyManagerKeepTheirCodes) {
  CsiWorld world;
  const pb::Volume volume = world.Create();
  world.volumes.store->SetDown(true);
  EXPECT_THAT(world.Stage(world.StageRequest(volume)),
              Fails(grpc::StatusCode::UNAVAILABLE, "store"));
  world.volumes.store->SetDown(false);
  world.volumes.store->SetDenied(true);
  EXPECT_THAT(world.Stage(world.StageRequest(volume)),
              Fails(grpc::StatusCode::PERMISSION_DENIED, "store"));
  EXPECT_EQ(world.NodeLeftovers(volume), "");
}

}  // namespace
}  // namespace rbdcrypt::csi
