// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/pool_proof.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "kms/metadata.h"
#include "kms/scrypt.h"
#include "rbd/names.h"
#include "rbd/volume_id.h"
#include "tests/rbd/recorded_pool.h"
#include "tests/rbd/volume_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::Driver;
using ::rbdcrypt::testing::FakeKms;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::LoadRecording;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::VolumeWorld;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;
using Outcome = VolumeProof::Outcome;

class PoolProofTest : public ::testing::Test {
 protected:
  struct Row {
    EncryptedImage found;
    VolumeProof proof;
  };

  PoolProofTest() : driver_(world_.StartDriver("controller")) { UseRegistry(world_.registry); }

  void UseRegistry(kms::Registry& registry) { registry_ = &registry; }

  PoolProof Prove(const std::string& kms_id,
                  ProofDepth depth = ProofDepth::kHeader,
                  const std::string& tenant = "") {
    rows_.clear();
    const VolumeProver prover(*registry_, secrets_, depth);
    return ProvePool(
        Context::Background(), pool(), prover,
        {.images = {.cluster_id = "rook-ceph", .threads = 3}, .kms_id = kms_id, .tenant = tenant},
        [this](const EncryptedImage& found, const VolumeProof& proof) {
          rows_.push_back({found, proof});
        });
  }

  std::string Create(const std::string& name,
                     const std::string& kms_id,
                     const std::string& owner = "team-a") {
    CreateVolumeSpec spec = VolumeWorld::Spec(kms_id);
    spec.request_name = name;
    spec.owner = owner;
    return driver_->Create(spec)->volume_id;
  }

  void SetMetadata(const std::string& image_name, const std::string& key, const std::string& text) {
    ASSERT_OK_AND_ASSIGN(const auto image, pool().images().Open(image_name, OpenMode::kReadWrite));
    ASSERT_THAT(image->SetMetadata(key, text), IsOk());
  }

  void MoveToTrash(const std::string& volume_id) {
    ASSERT_THAT(pool().images().MoveToTrash(world_.ImageName(volume_id)), IsOk());
  }

  Pool& pool() { return world_.ceph.Admin(); }

  VolumeWorld world_;
  const std::unique_ptr<Driver> driver_;
  kms::Registry* registry_ = nullptr;
  kms::RequestSecrets secrets_;
  std::vector<Row> rows_;
};

TEST_F(PoolProofTest, VolumesOfTheNamedKeyManagerAreProven) {
  Create("pvc-1", "wrap");
  Create("pvc-2", "wrap");
  Create("pvc-3", "store");
  Create("pvc-4", "");
  for (const ProofDepth depth : {ProofDepth::kDek, ProofDepth::kHeader}) {
    const PoolProof proof = Prove("wrap", depth);
    EXPECT_THAT(proof.status, IsOk());
    EXPECT_EQ(proof.proven, 2);
    EXPECT_EQ(Prove("store", depth).proven, 1);
    EXPECT_EQ(Prove("", depth).proven, 3);
    EXPECT_EQ(Prove("other", depth).proven, 0);
  }
  EXPECT_THAT(rows_, IsEmpty());
}

// Story F13: new volumes would work, those that are there would not.
TEST_F(PoolProofTest, AKekThatWasTakenAwayIsToldWithEachVolumeThatNeedsIt) {
  const std::string first = Create("pvc-1", "wrap");
  world_.wrap->RotateKek();
  Create("pvc-2", "wrap");
  world_.wrap->PruneKek(1);
  const PoolProof proof = Prove("wrap", ProofDepth::kDek);
  EXPECT_THAT(proof.status, IsOk());
  EXPECT_EQ(proof.proven, 1);
  EXPECT_EQ(proof.failed, 1);
  ASSERT_THAT(rows_, SizeIs(1));
  EXPECT_EQ(rows_[0].found.volume_id, first);
  EXPECT_EQ(rows_[0].proof.outcome, Outcome::kFailed);
  EXPECT_THAT(rows_[0].proof.status,
              StatusIs(Code::kNotFound, AllOf(HasSubstr(first), HasSubstr("KMS wrap"))));
}

TEST_F(PoolProofTest, AKeyManagerThatSaysNoIsToldOfEachVolume) {
  Create("pvc-1", "store");
  Create("pvc-2", "store");
  world_.store->SetDenied(true);
  const PoolProof proof = Prove("store");
  EXPECT_THAT(proof.status, IsOk());
  EXPECT_EQ(proof.failed, 2);
  EXPECT_THAT(rows_[0].proof.status, StatusIs(Code::kPermissionDenied));
}

TEST_F(PoolProofTest, AKeyManagerThatIsDownIsOneErrorAndFewRequests) {
  for (int i = 0; i < 20; ++i) {
    Create(Cat("pvc-", i), "wrap");
  }
  world_.wrap->SetDown(true);
  const int before = world_.wrap->unwraps();
  const PoolProof proof = Prove("wrap");
  EXPECT_THAT(proof.status, StatusIs(Code::kUnavailable, HasSubstr("volume 0001-")));
  EXPECT_EQ(proof.failed, 0);
  EXPECT_THAT(rows_, IsEmpty());
  EXPECT_LE(world_.wrap->unwraps() - before, 12);
}

TEST_F(PoolProofTest, OnlyTheHeaderTellsThatADekIsAnothers) {
  const std::string volume_id = Create("pvc-1", "store");
  const Context context = Context::Background();
  // Two writes: what the header answers to is neither the current nor the previous one.
  for (const char* dek : {"another", "and another"}) {
    ASSERT_OK_AND_ASSIGN(const kms::StoredDek stored, world_.store->Fetch(context, volume_id));
    ASSERT_THAT(world_.store->Replace(context, volume_id, stored.version, Secret(dek)), IsOk());
  }
  EXPECT_EQ(Prove("store", ProofDepth::kDek).proven, 1);
  EXPECT_EQ(Prove("store", ProofDepth::kHeader).failed, 1);
  ASSERT_THAT(rows_, SizeIs(1));
  EXPECT_THAT(rows_[0].proof.status, StatusIs(Code::kUnauthenticated, HasSubstr(volume_id)));
}

TEST_F(PoolProofTest, AHeaderThatAnswersToThePreviousDekIsSaidSo) {
  const std::string volume_id = Create("pvc-1", "store");
  const Context context = Context::Background();
  ASSERT_OK_AND_ASSIGN(const kms::StoredDek stored, world_.store->Fetch(context, volume_id));
  ASSERT_THAT(world_.store->Replace(context, volume_id, stored.version, Secret("new")), IsOk());
  const PoolProof proof = Prove("store");
  EXPECT_EQ(proof.previous_dek, 1);
  EXPECT_EQ(proof.failed, 0);
  ASSERT_THAT(rows_, SizeIs(1));
  EXPECT_EQ(rows_[0].proof.outcome, Outcome::kPreviousDek);
}

TEST_F(PoolProofTest, WhereOnlyThePreviousDekCanBeHadTheTextSaysSo) {
  const std::string image = world_.ImageName(Create("pvc-1", "wrap"));
  const std::string text =
      pool().images().Open(image, OpenMode::kReadOnly).value()->GetMetadata(kMetaDek).value();
  SetMetadata(image, kMetaPreviousDek, text);
  SetMetadata(image, kMetaDek, "{damaged");
  EXPECT_EQ(Prove("wrap").failed, 1);
  ASSERT_THAT(rows_, SizeIs(1));
  EXPECT_THAT(rows_[0].proof.status, StatusIs(Code::kDataLoss, HasSubstr("only the DEK before")));
  SetMetadata(image, kMetaPreviousDek, "");
  Prove("wrap");
  EXPECT_THAT(rows_[0].proof.status,
              StatusIs(Code::kDataLoss, Not(HasSubstr("only the DEK before"))));
}

TEST_F(PoolProofTest, ADamagedHeaderAndAStateThatNobodyWritesAreFailures) {
  const std::string damaged = world_.ImageName(Create("pvc-1", "store"));
  {
    ASSERT_OK_AND_ASSIGN(const auto image, pool().images().Open(damaged, OpenMode::kReadWrite));
    ASSERT_THAT(image->Write(0, std::vector<std::byte>(1 << 20)), IsOk());
  }
  SetMetadata(world_.ImageName(Create("pvc-2", "store")), kMetaEncrypted, "perhaps");
  EXPECT_EQ(Prove("store").failed, 2);
  for (const Row& row : rows_) {
    EXPECT_THAT(row.proof.status, StatusIs(Code::kDataLoss));
  }
}

TEST_F(PoolProofTest, AHeaderThatWillBeMadeAtTheFirstStageNeedsOnlyItsDek) {
  const std::string image = world_.ImageName(Create("pvc-1", "store"));
  SetMetadata(image, kMetaEncrypted, kStatePrepared);
  {
    ASSERT_OK_AND_ASSIGN(const auto open, pool().images().Open(image, OpenMode::kReadWrite));
    ASSERT_THAT(open->Write(0, std::vector<std::byte>(1 << 20)), IsOk());
  }
  EXPECT_EQ(Prove("store").proven, 1);
}

TEST_F(PoolProofTest, ADekThatIsNotThereYetOrAnyMoreIsNoFailure) {
  const Context context = Context::Background();
  const std::string making = Create("pvc-1", "store");
  SetMetadata(world_.ImageName(making), kMetaEncrypted, "");
  ASSERT_THAT(world_.store->Remove(context, making), IsOk());
  const std::string deleted = Create("pvc-2", "store");
  MoveToTrash(deleted);
  ASSERT_THAT(world_.store->Remove(context, deleted), IsOk());
  const PoolProof proof = Prove("store");
  EXPECT_EQ(proof.unfinished, 2);
  EXPECT_EQ(proof.failed, 0);
  ASSERT_THAT(rows_, SizeIs(2));
  EXPECT_THAT(rows_[0].proof.reason, HasSubstr("creation"));
  EXPECT_THAT(rows_[1].proof.reason, HasSubstr("trash"));
}

TEST_F(PoolProofTest, ATrashedVolumeWhoseWrappedDekIsThereIsProvenLikeAnother) {
  const std::string volume_id = Create("pvc-1", "wrap");
  MoveToTrash(volume_id);
  EXPECT_EQ(Prove("wrap").proven, 1);
  world_.wrap->RotateKek();
  world_.wrap->PruneKek(1);
  EXPECT_EQ(Prove("wrap").failed, 1);
  EXPECT_NE(rows_[0].found.listed.trash_id, "");
}

TEST_F(PoolProofTest, WhatNoJournalNamesIsCounted) {
  const std::string volume_id = Create("pvc-1", "wrap");
  MoveToTrash(volume_id);
  const std::string uuid = DecodeVolumeId(volume_id)->uuid;
  ASSERT_THAT(pool().omap().RemoveObject(Cat("csi.volume.", uuid)), IsOk());
  const PoolProof proof = Prove("wrap");
  EXPECT_EQ(proof.proven, 0);
  EXPECT_EQ(proof.unknown, 1);
}

TEST_F(PoolProofTest, AJournalThatCannotBeReadIsAFailureOfEachKeyManager) {
  const std::string volume_id = Create("pvc-1", "wrap");
  const std::string object = Cat("csi.volume.", DecodeVolumeId(volume_id)->uuid);
  ASSERT_THAT(pool().omap().Set(object, {{kKeyJournalPool, "?"}}), IsOk());
  EXPECT_EQ(Prove("wrap").failed, 1);
  EXPECT_EQ(Prove("store").failed, 1);
  EXPECT_THAT(rows_[0].proof.status, StatusIs(Code::kInternal, HasSubstr(object)));
}

TEST_F(PoolProofTest, WhatARequestBringsIsLeftOutUnlessItIsThere) {
  driver_->SetSecret("encryptionPassphrase", "a passphrase");
  Create("pvc-1", "default");
  PoolProof proof = Prove("default");
  EXPECT_THAT(proof.left_out, ElementsAre(Pair(HasSubstr("Secret"), 1)));
  secrets_.emplace("encryptionPassphrase", Secret("a passphrase"));
  EXPECT_EQ(Prove("default").proven, 1);
}

TEST_F(PoolProofTest, FscryptVolumesAreLeftOut) {
  const std::string volume_id = Create("pvc-1", "store");
  const std::string object = Cat("csi.volume.", DecodeVolumeId(volume_id)->uuid);
  ASSERT_THAT(pool().omap().Set(object, {{kKeyEncryptionType, "file"}}), IsOk());
  const PoolProof proof = Prove("store");
  EXPECT_THAT(proof.left_out, ElementsAre(Pair(HasSubstr("fscrypt"), 1)));
}

TEST_F(PoolProofTest, OneTenantsVolumesCanBeProvenAlone) {
  Create("pvc-1", "store", "team-a");
  Create("pvc-2", "store", "team-b");
  EXPECT_EQ(Prove("store", ProofDepth::kDek, "team-b").proven, 1);
  EXPECT_EQ(Prove("store", ProofDepth::kDek, "team-c").proven, 0);
}

TEST_F(PoolProofTest, SnapshotsHaveDeksOfTheirOwn) {
  constexpr char kUuid[] = "b0285c97-a0ce-11eb-8c66-0242ac110002";
  const std::string id = Cat("0001-0009-rook-ceph-0000000000000001-", kUuid);
  const std::string name = Cat("csi-snap-", kUuid);
  ASSERT_THAT(pool().images().Create(name, {.size_bytes = 1 << 25}), IsOk());
  SetMetadata(name, kMetaEncrypted, kStateEncrypted);
  ASSERT_THAT(pool().omap().CreateObject(
                  Cat("csi.snap.", kUuid),
                  {{kKeySnapshotName, "snap"}, {kKeyImageName, name}, {kKeyKmsId, "store"}}),
              IsOk());
  EXPECT_EQ(Prove("store", ProofDepth::kDek).failed, 1);
  EXPECT_EQ(rows_[0].found.volume_id, id);
  EXPECT_EQ(rows_[0].found.role, ImageRole::kSnapshot);
  ASSERT_THAT(world_.store->Create(Context::Background(), id, Secret("dek")), IsOk());
  EXPECT_EQ(Prove("store", ProofDepth::kDek).proven, 1);
}

TEST_F(PoolProofTest, AVolumeThatIsDeletedMeanwhileIsNoFailure) {
  const std::string volume_id = Create("pvc-1", "store");
  ASSERT_THAT(world_.store->Remove(Context::Background(), volume_id), IsOk());
  kms::Registry deleting(
      world_.kms_config,
      {{"store",
        {.open = [&](const Context&, const kms::ConfigEntry&,
                     const kms::KmsRequest&) -> Result<std::shared_ptr<kms::Kms>> {
          static_cast<void>(pool().images().MoveToTrash(world_.ImageName(volume_id)));
          return world_.store;
        }}}});
  UseRegistry(deleting);
  const PoolProof proof = Prove("store");
  EXPECT_EQ(proof.failed, 0);
  EXPECT_EQ(proof.unfinished, 1);
}

TEST_F(PoolProofTest, AnEntryThatIsGoneIsAFailureOfEachVolume) {
  Create("pvc-1", "store");
  kms::Registry empty(world_.kms_config, {});
  UseRegistry(empty);
  EXPECT_EQ(Prove("store").failed, 1);
  EXPECT_THAT(rows_[0].proof.status, StatusIs(Code::kInvalidArgument));
}

// DEKs that the real driver wrapped, of a volume and of one restored from a snapshot.
TEST_F(PoolProofTest, CephCsisRecordedDeksCanBeHad) {
  LoadRecording(world_.ceph, "copies.json");
  kms::FileConfigSource config(
      world_.dir.Write("recorded.json", R"({"metadata": {"encryptionKMSType": "metadata"}})"));
  kms::Registry registry(
      config, {{"metadata",
                {.open = kms::MetadataProvider(
                     std::make_shared<kms::ScryptGate>(kms::ScryptGate::OnePerCore()), nullptr)}}});
  UseRegistry(registry);
  EXPECT_THAT(Prove("metadata", ProofDepth::kDek).left_out,
              ElementsAre(Pair(HasSubstr("Secret"), 2)));
  secrets_.emplace("encryptionPassphrase", Secret("a passphrase for the metadata provider"));
  EXPECT_EQ(Prove("metadata", ProofDepth::kDek).proven, 2);
  secrets_.insert_or_assign("encryptionPassphrase", Secret("another"));
  EXPECT_EQ(Prove("metadata", ProofDepth::kDek).failed, 2);
}

TEST_F(PoolProofTest, NothingIsWritten) {
  Create("pvc-1", "wrap");
  Create("pvc-2", "store");
  const int wraps = world_.wrap->wraps();
  const int writes = world_.store->writes();
  const auto connection = driver_->process().Shared({}, {.user = "csi", .key = Secret("a2V5")});
  const auto mine = (*connection)->OpenPool("rbd", "");
  world_.ceph.ClearEffects();
  const VolumeProver prover(world_.registry, secrets_, ProofDepth::kHeader);
  const PoolProof proof =
      ProvePool(Context::Background(), **mine, prover, {.images = {.cluster_id = "rook-ceph"}},
                [](const EncryptedImage&, const VolumeProof&) {});
  EXPECT_EQ(proof.proven, 2);
  EXPECT_THAT(world_.ceph.effects(), IsEmpty());
  EXPECT_EQ(world_.wrap->wraps(), wraps);
  EXPECT_EQ(world_.store->writes(), writes);
}

}  // namespace
}  // namespace rbdcrypt::rbd
