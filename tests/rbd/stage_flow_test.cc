// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/stage_flow.h"

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/uuid.h"
#include "rbd/luks/header.h"
#include "rbd/metadata_dek_store.h"
#include "rbd/names.h"
#include "tests/rbd/volume_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::Driver;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::LastEffect;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::VolumeWorld;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::uint64_t kMiB = 1ULL << 20;

// One encrypted volume of KMS "store" and the program that made it.
class StageFlowTest : public ::testing::Test {
 protected:
  void SetUp() override { volume_ = *driver_->Create(VolumeWorld::Spec("store")); }

  std::unique_ptr<Image> Open() {
    return *world_.ceph.Admin().images().Open(volume_.image_name, OpenMode::kReadWrite);
  }

  void Write(std::uint64_t offset_bytes, std::size_t length) {
    const std::vector<std::byte> bytes(length, std::byte{0x5a});
    ASSERT_THAT(Open()->Write(offset_bytes, bytes), IsOk());
  }

  void Zero(std::uint64_t offset_bytes, std::size_t length) {
    const std::vector<std::byte> bytes(length, std::byte{0});
    ASSERT_THAT(Open()->Write(offset_bytes, bytes), IsOk());
  }

  void SetState(const char* state) {
    ASSERT_THAT(Open()->SetMetadata(kMetaEncrypted, state), IsOk());
  }

  std::string State() { return Open()->GetMetadata(kMetaEncrypted).value_or(""); }

  VolumeWorld world_;
  std::unique_ptr<Driver> driver_ = world_.StartDriver("node");
  CreatedVolume volume_;
};

TEST_F(StageFlowTest, PrepareGivesADekThatOpensTheHeader) {
  ASSERT_OK_AND_ASSIGN(const StageableVolume volume, driver_->Prepare(volume_.volume_id));
  ASSERT_TRUE(volume.header.has_value());
  EXPECT_EQ(volume.header->keyslot, 0);
  EXPECT_FALSE(volume.header->is_previous);
  EXPECT_EQ(volume.header->cipher, "aes-xts-plain64");
  EXPECT_EQ(volume.header->sector_bytes, 512U);
  EXPECT_EQ(volume.filesystem, FilesystemState::kBlank);
  EXPECT_EQ(volume.image_name, volume_.image_name);
}

// Safety A5: nothing that calls it encrypted is overruled by something that does not.
TEST_F(StageFlowTest, VolumeWhoseContextDoesNotSayEncryptedIsOpenedAllTheSame) {
  StageHints hints;
  hints.encryption = std::nullopt;
  ASSERT_OK_AND_ASSIGN(const StageableVolume volume, driver_->Prepare(volume_.volume_id, hints));
  EXPECT_TRUE(volume.header.has_value());
}

TEST_F(StageFlowTest, PlainVolumeWithALuksHeaderIsNotMounted) {
  CreateVolumeSpec spec = VolumeWorld::Spec();
  spec.request_name = "pvc-plain";
  ASSERT_OK_AND_ASSIGN(const CreatedVolume plain, driver_->Create(spec));
  EXPECT_THAT(driver_->Prepare(plain.volume_id), IsOk());
  auto image = *world_.ceph.Admin().images().Open(plain.image_name, OpenMode::kReadWrite);
  std::vector<std::byte> head(32768);
  ASSERT_THAT(Open()->Read(0, head), IsOk());
  ASSERT_THAT(image->Write(0, head), IsOk());
  image.reset();
  EXPECT_THAT(driver_->Prepare(plain.volume_id),
              StatusIs(Code::kFailedPrecondition, HasSubstr("begins with a LUKS header")));
  StageHints block;
  block.is_block = true;
  EXPECT_THAT(driver_->Prepare(plain.volume_id, block), IsOk());
}

// Safety A5: state `encrypted`, header gone.
TEST_F(StageFlowTest, ZeroedHeaderIsDataLossAndNothingIsWritten) {
  Zero(0, 16 * kMiB);
  world_.ceph.ClearEffects();
  EXPECT_THAT(
      driver_->Prepare(volume_.volume_id),
      StatusIs(Code::kDataLoss, AllOf(HasSubstr(volume_.volume_id), HasSubstr("KMS store"))));
  EXPECT_THAT(driver_->Create(VolumeWorld::Spec("store")), IsOk());
  EXPECT_THAT(world_.ceph.effects(), ::testing::IsEmpty());
  EXPECT_EQ(State(), kStateEncrypted);
}

TEST_F(StageFlowTest, OneDamagedCopyOfTheHeaderStillOpens) {
  Write(4096, 512);
  EXPECT_THAT(driver_->Prepare(volume_.volume_id), IsOk());
}

TEST_F(StageFlowTest, SecondDamagedCopyOfTheHeaderStillOpens) {
  Write(16384 + 4096, 512);
  EXPECT_THAT(driver_->Prepare(volume_.volume_id), IsOk());
}

TEST_F(StageFlowTest, BothCopiesDamagedIsDataLoss) {
  Write(4096, 512);
  Write(16384 + 4096, 512);
  EXPECT_THAT(driver_->Prepare(volume_.volume_id), StatusIs(Code::kDataLoss));
}

// Safety A4: an error while reading is no blank volume.
TEST_F(StageFlowTest, UnreadableHeaderIsAnErrorAndNeverFormatted) {
  SetState(kStatePrepared);
  world_.ceph.FailReads(volume_.image_name, {.offset_bytes = 0, .length_bytes = 4096});
  EXPECT_THAT(driver_->Prepare(volume_.volume_id), StatusIs(Code::kUnavailable));
  world_.ceph.FailReads(volume_.image_name, {});
  EXPECT_THAT(driver_->Prepare(volume_.volume_id), IsOk());
}

// Safety F: wrong key, missing key, key manager down, no right: four codes.
TEST_F(StageFlowTest, WrongDekIsUnauthenticated) {
  ASSERT_OK_AND_ASSIGN(const auto stored,
                       world_.store->Fetch(driver_->context(), volume_.volume_id));
  for (const char* other : {"another passphrase", "one more"}) {
    ASSERT_OK_AND_ASSIGN(const auto now,
                         world_.store->Fetch(driver_->context(), volume_.volume_id));
    ASSERT_THAT(
        world_.store->Replace(driver_->context(), volume_.volume_id, now.version, Secret(other)),
        IsOk());
  }
  EXPECT_THAT(driver_->Prepare(volume_.volume_id),
              StatusIs(Code::kUnauthenticated,
                       AllOf(HasSubstr(volume_.volume_id), HasSubstr("KMS store"))));
}

TEST_F(StageFlowTest, PreviousDekOpensAndIsReported) {
  ASSERT_OK_AND_ASSIGN(const auto stored,
                       world_.store->Fetch(driver_->context(), volume_.volume_id));
  ASSERT_THAT(world_.store->Replace(driver_->context(), volume_.volume_id, stored.version,
                                    Secret("a newer passphrase")),
              IsOk());
  ASSERT_OK_AND_ASSIGN(const StageableVolume volume, driver_->Prepare(volume_.volume_id));
  EXPECT_TRUE(volume.header->is_previous);
}

// Safety E5: what trying every slot takes, an administrator's 1 GiB included, is known beforehand.
TEST_F(StageFlowTest, PrepareTellsTheCostOfTheProvenSlotAndOfTheDearest) {
  ASSERT_OK_AND_ASSIGN(StageableVolume volume, driver_->Prepare(volume_.volume_id));
  volume.watch.reset();
  EXPECT_EQ(volume.header->keyslot, 0);
  EXPECT_EQ(volume.header->kdf_memory_bytes, 0U);
  EXPECT_EQ(volume.header->max_kdf_memory_bytes, 0U);
  ASSERT_OK_AND_ASSIGN(luks::Header header, luks::Header::Load(driver_->context(), *Open()));
  ASSERT_OK_AND_ASSIGN(const int added, header.AddKeyslot(driver_->context(), volume.header->dek,
                                                          Secret("an administrator's"),
                                                          luks::KdfProfile::kHumanPassphrase));
  EXPECT_EQ(added, 1);
  ASSERT_THAT(header.WriteBack(driver_->context(), *Open()), IsOk());
  ASSERT_OK_AND_ASSIGN(const StageableVolume again, driver_->Prepare(volume_.volume_id));
  EXPECT_EQ(again.header->keyslot, 0);
  EXPECT_EQ(again.header->kdf_memory_bytes, 0U);
  EXPECT_GE(again.header->max_kdf_memory_bytes, 16 * kMiB);
  EXPECT_EQ(again.features, 61U);
}

TEST_F(StageFlowTest, MissingDekIsNotFound) {
  ASSERT_THAT(world_.store->Remove(driver_->context(), volume_.volume_id), IsOk());
  EXPECT_THAT(driver_->Prepare(volume_.volume_id),
              StatusIs(Code::kNotFound, HasSubstr(volume_.volume_id)));
  EXPECT_EQ(world_.store->CurrentForTest(volume_.volume_id), "");
}

TEST_F(StageFlowTest, KeyManagerDownIsUnavailableAndNoIsPermissionDenied) {
  world_.store->SetDown(true);
  EXPECT_THAT(driver_->Prepare(volume_.volume_id), StatusIs(Code::kUnavailable));
  world_.store->SetDown(false);
  world_.store->SetDenied(true);
  EXPECT_THAT(driver_->Prepare(volume_.volume_id), StatusIs(Code::kPermissionDenied));
}

TEST_F(StageFlowTest, BadKeyManagerConfigurationNamesVolumeAndKmsId) {
  world_.dir.Write("kms.json", "{\"store\": ");
  EXPECT_THAT(
      driver_->Prepare(volume_.volume_id),
      StatusIs(Code::kInvalidArgument,
               AllOf(HasSubstr(volume_.volume_id), HasSubstr("KMS store"), HasSubstr("kms.json"))));
}

TEST_F(StageFlowTest, VolumeOpenOnAnotherNodeIsRefusedAfterItsWatchCouldHaveRunOut) {
  world_.ceph.AddWatcher(volume_.image_name, "10.0.0.7:0/99");
  const auto before = world_.clock.Now();
  EXPECT_THAT(driver_->Prepare(volume_.volume_id),
              StatusIs(Code::kFailedPrecondition, HasSubstr("10.0.0.7:0/99")));
  EXPECT_GT(world_.clock.Now() - before, std::chrono::seconds(30));
  StageHints shared;
  shared.may_be_open_elsewhere = true;
  EXPECT_THAT(driver_->Prepare(volume_.volume_id, shared), IsOk());
}

// Two pods of one claim on two nodes: whoever looks second sees the other's watch, in whatever
// order they open and look.
TEST_F(StageFlowTest, VolumeThatAnotherNodeIsStagingIsNotGivenToASecond) {
  const auto other = world_.StartDriver("other-node");
  ASSERT_OK_AND_ASSIGN(StageableVolume volume, driver_->Prepare(volume_.volume_id));
  ASSERT_NE(volume.watch, nullptr);
  EXPECT_THAT(other->Prepare(volume_.volume_id),
              StatusIs(Code::kFailedPrecondition, HasSubstr("still open at")));
  volume.watch.reset();
  EXPECT_THAT(other->Prepare(volume_.volume_id), IsOk());
}

TEST_F(StageFlowTest, ReadersAndSharersOfAVolumeDoNotWatchIt) {
  StageHints hints;
  hints.may_be_open_elsewhere = true;
  ASSERT_OK_AND_ASSIGN(const StageableVolume shared, driver_->Prepare(volume_.volume_id, hints));
  EXPECT_EQ(shared.watch, nullptr);
  hints = {};
  hints.is_read_only = true;
  ASSERT_OK_AND_ASSIGN(const StageableVolume read, driver_->Prepare(volume_.volume_id, hints));
  EXPECT_EQ(read.watch, nullptr);
}

// mkfs writes through the device's client, which a fence must reach, too.
TEST_F(StageFlowTest, TakingOverAMkfsFencesTheDeviceItWritesTo) {
  const auto other = world_.StartDriver("other-node");
  const std::string device = "10.0.0.7:0/99";
  world_.ceph.AddWatcher(volume_.image_name, device);
  ASSERT_OK_AND_ASSIGN(const auto making, driver_->MakeFilesystem(volume_.volume_id));
  world_.ceph.RemoveWatchers(volume_.image_name);
  world_.PassTime();
  world_.ceph.ClearEffects();
  ASSERT_THAT(other->MakeFilesystem(volume_.volume_id), IsOk());
  EXPECT_THAT(world_.ceph.effects(), ::testing::Contains("client.blocklist " + device));
  EXPECT_THAT(making->Commit(), StatusIs(Code::kAborted));
}

TEST_F(StageFlowTest, MkfsOnAnImageThatSeveralHaveOpenIsRefused) {
  world_.ceph.AddWatcher(volume_.image_name, "10.0.0.7:0/99");
  world_.ceph.AddWatcher(volume_.image_name, "10.0.0.8:0/98");
  EXPECT_THAT(driver_->MakeFilesystem(volume_.volume_id),
              StatusIs(Code::kAborted, HasSubstr("10.0.0.8:0/98")));
  EXPECT_EQ(Open()->GetMetadata(kMetaFilesystem).value_or(""), "");
}

// Safety A1: what ceph-csi left prepared is formatted here, once.
TEST_F(StageFlowTest, PreparedVolumeWithoutHeaderIsFormatted) {
  Zero(0, 16 * kMiB);
  SetState(kStatePrepared);
  const std::string dek = world_.store->CurrentForTest(volume_.volume_id);
  ASSERT_OK_AND_ASSIGN(const StageableVolume volume, driver_->Prepare(volume_.volume_id));
  EXPECT_EQ(volume.header->dek.RevealText(), dek);
  EXPECT_EQ(State(), kStateEncrypted);
}

std::vector<std::byte> HeaderOf(VolumeWorld& world, const std::string& image_name) {
  auto image = *world.ceph.Admin().images().Open(image_name, OpenMode::kReadOnly);
  std::vector<std::byte> header(1 * kMiB);
  EXPECT_THAT(image->Read(0, header), IsOk());
  return header;
}

// A volume as ceph-csi leaves it behind: state prepared, a DEK, nothing written.
CreatedVolume MakePrepared(VolumeWorld& world) {
  CreatedVolume volume = *world.StartDriver("ceph-csi")->Create(VolumeWorld::Spec("store"));
  auto image = *world.ceph.Admin().images().Open(volume.image_name, OpenMode::kReadWrite);
  EXPECT_THAT(image->Write(0, std::vector<std::byte>(16 * kMiB)), IsOk());
  EXPECT_THAT(image->SetMetadata(kMetaEncrypted, kStatePrepared), IsOk());
  EXPECT_THAT(image->RemoveMetadata(kMetaHeaderUuid), IsOk());
  world.ceph.ClearEffects();
  return volume;
}

// Safety A1, G6: one node stands still at each effect of the format, its lock and watch run out,
// and the other stages the volume; then the first goes on.
TEST(StageFlowCrashTest, TwoNodesStagingAPreparedVolumeAtOnceFormatItOnce) {
  int formatted_by_second = 0;
  for (int n = 1;; ++n) {
    SCOPED_TRACE(n);
    VolumeWorld world;
    const CreatedVolume volume = MakePrepared(world);
    const auto first = world.StartDriver("node-a");
    const auto second = world.StartDriver("node-b");
    int effects = 0;
    std::optional<std::vector<std::byte>> header;
    world.ceph.OnEffect([&](const std::string&) {
      if (++effects == n) {
        world.PassTime();
        world.ceph.RemoveWatchers(volume.image_name);
        if (second->Prepare(volume.volume_id).ok()) {
          header = HeaderOf(world, volume.image_name);
        }
      }
    });
    first->Prepare(volume.volume_id).status().IgnoreError();
    world.ceph.OnEffect(nullptr);
    if (effects < n) {
      break;
    }
    if (header.has_value()) {
      ++formatted_by_second;
      ASSERT_EQ(HeaderOf(world, volume.image_name), *header);
    }
    first->process().Kill();
    world.PassTime();
    ASSERT_THAT(world.CheckOpens(*second, volume.volume_id), IsOk());
  }
  EXPECT_GT(formatted_by_second, 5);
}

// ceph-csi-compat 5.10, C2: the DEK was replaced and the state set back on a volume with data.
TEST_F(StageFlowTest, PreparedVolumeWithDataIsNeverFormatted) {
  Write(64 * kMiB, 4096);
  SetState(kStatePrepared);
  ASSERT_OK_AND_ASSIGN(const auto stored,
                       world_.store->Fetch(driver_->context(), volume_.volume_id));
  ASSERT_THAT(world_.store->Replace(driver_->context(), volume_.volume_id, stored.version,
                                    Secret("made by a second create")),
              IsOk());
  EXPECT_THAT(driver_->Prepare(volume_.volume_id),
              StatusIs(Code::kFailedPrecondition, HasSubstr("it is not formatted")));
  std::vector<std::byte> head(4096);
  ASSERT_THAT(Open()->Read(0, head), IsOk());
  EXPECT_EQ(head[0], std::byte{'L'});
}

// C4: killed between header and keyslot: a LUKS2 header without any keyslot, no data.
TEST_F(StageFlowTest, PreparedVolumeWhoseHeaderHasNoKeyslotIsFormattedAgain) {
  const Secret volume_key("0123456789012345678901234567890123456789012345678901234567890123");
  ASSERT_OK_AND_ASSIGN(const auto blank, luks::ComposeBlankHeader({}, NewUuid(), volume_key, 1));
  Zero(0, 16 * kMiB);
  ASSERT_THAT(Open()->Write(0, blank), IsOk());
  SetState(kStatePrepared);
  EXPECT_THAT(driver_->Prepare(volume_.volume_id), IsOk());
}

TEST_F(StageFlowTest, PreparedVolumeWithForeignBytesInsteadOfAHeaderIsNotFormatted) {
  Zero(0, 16 * kMiB);
  Write(1024, 1024);
  SetState(kStatePrepared);
  EXPECT_THAT(driver_->Prepare(volume_.volume_id), StatusIs(Code::kFailedPrecondition));
}

TEST_F(StageFlowTest, PreparedVolumeWithASnapshotIsNotFormatted) {
  Zero(0, 16 * kMiB);
  SetState(kStatePrepared);
  world_.ceph.TakeSnapshot(volume_.image_name, "s");
  EXPECT_THAT(driver_->Prepare(volume_.volume_id),
              StatusIs(Code::kFailedPrecondition, HasSubstr("snapshot")));
}

// Safety A3.
TEST_F(StageFlowTest, FilesystemIsMadeOnceBetweenTwoDurableMarks) {
  {
    ASSERT_OK_AND_ASSIGN(const auto making, driver_->MakeFilesystem(volume_.volume_id));
    EXPECT_EQ(Open()->GetMetadata(kMetaFilesystem).value_or(""), kFilesystemMaking);
    ASSERT_THAT(making->Commit(), IsOk());
  }
  EXPECT_EQ(Open()->GetMetadata(kMetaFilesystem).value_or(""), kFilesystemMade);
  EXPECT_THAT(driver_->MakeFilesystem(volume_.volume_id), StatusIs(Code::kFailedPrecondition));
  ASSERT_OK_AND_ASSIGN(const StageableVolume volume, driver_->Prepare(volume_.volume_id));
  EXPECT_EQ(volume.filesystem, FilesystemState::kMade);
}

TEST_F(StageFlowTest, FilesystemThatWasBegunMayBeMadeAgain) {
  ASSERT_THAT(driver_->MakeFilesystem(volume_.volume_id), IsOk());
  Write(17 * kMiB, 4096);
  ASSERT_OK_AND_ASSIGN(const StageableVolume volume, driver_->Prepare(volume_.volume_id));
  EXPECT_EQ(volume.filesystem, FilesystemState::kBlank);
  EXPECT_THAT(driver_->MakeFilesystem(volume_.volume_id), IsOk());
}

TEST_F(StageFlowTest, UnmarkedVolumeWithDataNeverSeesMkfs) {
  Write(17 * kMiB, 512);
  ASSERT_OK_AND_ASSIGN(const StageableVolume volume, driver_->Prepare(volume_.volume_id));
  EXPECT_EQ(volume.filesystem, FilesystemState::kMade);
  EXPECT_THAT(driver_->MakeFilesystem(volume_.volume_id), StatusIs(Code::kFailedPrecondition));
}

// What decides is read after the fence: until then a holder that stood still may write.
TEST_F(StageFlowTest, WriteThatLandsBeforeTheFenceIsSeenByMkfs) {
  const auto other = world_.StartDriver("other-node");
  ASSERT_OK_AND_ASSIGN(const auto making, other->MakeFilesystem(volume_.volume_id));
  other->process().Kill();
  world_.PassTime();
  ASSERT_THAT(Open()->RemoveMetadata(kMetaFilesystem), IsOk());
  world_.ceph.OnEffect([this](const std::string& effect) {
    if (effect.starts_with("client.blocklist")) {
      Write(17 * kMiB, 512);
    }
  });
  EXPECT_THAT(driver_->MakeFilesystem(volume_.volume_id),
              StatusIs(Code::kFailedPrecondition, HasSubstr("no longer blank")));
  world_.ceph.OnEffect(nullptr);
  EXPECT_EQ(world_.Holders(volume_.volume_id), "");
}

TEST_F(StageFlowTest, TwoNodesMakingOneFilesystemAreKeptApart) {
  const auto other = world_.StartDriver("other-node");
  ASSERT_OK_AND_ASSIGN(const auto making, driver_->MakeFilesystem(volume_.volume_id));
  EXPECT_THAT(other->MakeFilesystem(volume_.volume_id), StatusIs(Code::kAborted));
  ASSERT_THAT(making->Commit(), IsOk());
}

TEST(StageFlowLegacyTest, OlderMetadataKeysAreReadAndNothingIsWritten) {
  VolumeWorld world;
  const auto driver = world.StartDriver("node");
  ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(VolumeWorld::Spec("wrap")));
  auto image = *world.ceph.Admin().images().Open(volume.image_name, OpenMode::kReadWrite);
  ASSERT_OK_AND_ASSIGN(const std::string dek, image->GetMetadata(kMetaDek));
  ASSERT_THAT(image->SetMetadata(kMetaDekLegacy, dek), IsOk());
  ASSERT_THAT(image->SetMetadata(kMetaDek, ""), IsOk());
  ASSERT_THAT(image->SetMetadata(kMetaEncryptedLegacy, " encrypted\n"), IsOk());
  ASSERT_THAT(image->RemoveMetadata(kMetaEncrypted), IsOk());
  image.reset();
  world.ceph.ClearEffects();
  EXPECT_THAT(driver->Prepare(volume.volume_id), IsOk());
  EXPECT_THAT(world.ceph.effects(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace rbdcrypt::rbd
