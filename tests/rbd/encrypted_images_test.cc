// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/encrypted_images.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "rbd/names.h"
#include "tests/rbd/recorded_pool.h"
#include "tests/rbd/volume_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::Driver;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::LoadRecording;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::VolumeWorld;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kUuid[] = "b0285c97-a0ce-11eb-8c66-0242ac110002";

std::string RoleName(ImageRole role) {
  switch (role) {
    case ImageRole::kVolume:
      return "volume";
    case ImageRole::kSnapshot:
      return "snapshot";
    case ImageRole::kIntermediate:
      return "intermediate";
    default:
      return "unknown";
  }
}

// A walk over pool "rbd" that keeps what it found.
class EncryptedImagesTest : public ::testing::Test {
 protected:
  EncryptedImagesTest() : driver_(world_.StartDriver("controller")) {}

  Status Walk(const EncryptedImagesOptions& options = {.cluster_id = "rook-ceph"}) {
    found_.clear();
    return ForEachEncryptedImage(
        Context::Background(), pool(), options,
        [this](const Context&, const EncryptedImage& found, Image* image) -> InOrderReport {
          EXPECT_EQ(image != nullptr, found.status.ok());
          return [this, found] {
            found_.push_back(found);
            return on_report_ ? on_report_() : OkStatus();
          };
        });
  }

  // "role name kms owner" of each, in the order of the reports.
  std::vector<std::string> Rows() const {
    std::vector<std::string> rows;
    for (const EncryptedImage& found : found_) {
      rows.push_back(Cat(RoleName(found.role), " ", found.listed.name, " ", found.kms_id, " ",
                         found.owner, found.listed.trash_id.empty() ? "" : " trash"));
    }
    return rows;
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const EncryptedImage& found : found_) {
      names.push_back(found.listed.name);
    }
    return names;
  }

  // Creates a volume of that KMS and returns its ID.
  std::string Create(const std::string& name, const std::string& kms_id) {
    CreateVolumeSpec spec = VolumeWorld::Spec(kms_id);
    spec.request_name = name;
    return driver_->Create(spec)->volume_id;
  }

  // An image with nothing but metadata.
  void AddImage(const std::string& name, const std::string& key, const std::string& value) {
    ASSERT_THAT(pool().images().Create(name, {.size_bytes = 1 << 20}), IsOk());
    ASSERT_OK_AND_ASSIGN(const auto image, pool().images().Open(name, OpenMode::kReadWrite));
    ASSERT_THAT(image->SetMetadata(key, value), IsOk());
  }

  Pool& pool() { return world_.ceph.Admin(); }

  VolumeWorld world_;
  const std::unique_ptr<Driver> driver_;
  std::vector<EncryptedImage> found_;
  std::function<Status()> on_report_;
};

TEST_F(EncryptedImagesTest, VolumesAreListedWithAllThatTheJournalAndTheImageSay) {
  const std::string wrapped = Create("pvc-1", "wrap");
  Create("pvc-2", "");
  ASSERT_THAT(Walk(), IsOk());
  ASSERT_THAT(found_, SizeIs(1));
  const EncryptedImage& found = found_.front();
  EXPECT_EQ(found.role, ImageRole::kVolume);
  EXPECT_EQ(found.volume_id, wrapped);
  EXPECT_EQ(found.kms_id, "wrap");
  EXPECT_EQ(found.owner, "team-a");
  EXPECT_EQ(found.encryption_type, "block");
  EXPECT_EQ(found.state.value(), EncryptionState::kEncrypted);
  EXPECT_THAT(found.wrapped_dek, HasSubstr("{"));
  EXPECT_EQ(found.previous_wrapped_dek, "");
  EXPECT_THAT(found.status, IsOk());
}

TEST_F(EncryptedImagesTest, DekInAKeyManagerLeavesNoText) {
  Create("pvc-1", "store");
  ASSERT_THAT(Walk(), IsOk());
  ASSERT_THAT(found_, SizeIs(1));
  EXPECT_EQ(found_.front().kms_id, "store");
  EXPECT_EQ(found_.front().wrapped_dek, "");
}

TEST_F(EncryptedImagesTest, CephCsisVolumesSnapshotsAndClonesAreToldApart) {
  LoadRecording(world_.ceph, "copies.json");
  ASSERT_THAT(Walk(), IsOk());
  EXPECT_THAT(
      Rows(),
      ElementsAre("snapshot csi-snap-f139c2fd-3643-4019-b8f8-fb829518e9ce vault-kv2 tenant-a",
                  "snapshot csi-snap-f6be8032-cb9e-42be-9506-f6702da52ebf kmip tenant-a",
                  "volume csi-vol-01342aff-9cf3-4117-8200-00c0c26e11bf metadata tenant-a",
                  "volume csi-vol-2537cd14-41ef-4647-8043-bcedba0c7e89 metadata tenant-a",
                  "volume csi-vol-455ab52d-aa8e-4721-8d7c-06caa3ab21b9 default tenant-a",
                  "volume csi-vol-4b53645a-f74b-4ffb-981e-8ca4b303caf6 vault-kv2 tenant-a",
                  "intermediate csi-vol-4b53645a-f74b-4ffb-981e-8ca4b303caf6-temp  ",
                  "volume csi-vol-74a0c6f9-0406-43d3-beb3-cacf8fc527bb tenantsa tenant-a",
                  "volume csi-vol-9d0ad0dd-64c0-483d-961b-a064f6a39fee vault-kv2 tenant-a",
                  "volume csi-vol-aa75e456-6b95-40af-89a6-7f1d608a70c5 vaulttokens-kv1 tenant-a",
                  "volume csi-vol-e43db367-01fb-44ab-9bfe-a1085b45f807 kmip tenant-a"));
  EXPECT_EQ(found_[1].volume_id,
            "0001-0009-rook-ceph-0000000000000001-f6be8032-cb9e-42be-9506-f6702da52ebf");
  EXPECT_THAT(found_[1].wrapped_dek, HasSubstr("C6nksQODsKU99gbi9kJ5q6VfgNSaS1qcSQn"));
  EXPECT_EQ(found_[6].volume_id, "");
}

TEST_F(EncryptedImagesTest, TrashComesLastWithAndWithoutItsJournal) {
  const std::string volume_id = Create("pvc-1", "wrap");
  const std::string name = world_.ImageName(volume_id);
  ASSERT_THAT(pool().images().MoveToTrash(name), IsOk());
  Create("pvc-2", "wrap");
  ASSERT_THAT(Walk(), IsOk());
  ASSERT_THAT(found_, SizeIs(2));
  EXPECT_EQ(found_[0].listed.trash_id, "");
  EXPECT_EQ(Rows()[1], Cat("volume ", name, " wrap team-a trash"));
  EXPECT_NE(found_[1].wrapped_dek, "");
  const std::string uuid = name.substr(name.size() - 36);
  ASSERT_THAT(pool().omap().RemoveObject(Cat("csi.volume.", uuid)), IsOk());
  ASSERT_THAT(Walk(), IsOk());
  ASSERT_THAT(found_, SizeIs(2));
  EXPECT_EQ(Rows()[1], Cat("unknown ", name, "   trash"));
  EXPECT_EQ(found_[1].volume_id, volume_id);
  EXPECT_NE(found_[1].wrapped_dek, "");
}

TEST_F(EncryptedImagesTest, NamesakeInTheTrashIsNotTheVolume) {
  const std::string name = world_.ImageName(Create("pvc-1", "wrap"));
  ASSERT_THAT(pool().images().MoveToTrash(name), IsOk());
  AddImage(name, kMetaDek, "of the new one");
  const std::string id = pool().images().Open(name, OpenMode::kReadOnly).value()->Id();
  const std::string object = Cat("csi.volume.", name.substr(name.size() - 36));
  ASSERT_THAT(pool().omap().Set(object, {{kKeyImageId, id}}), IsOk());
  ASSERT_THAT(Walk(), IsOk());
  EXPECT_THAT(Rows(),
              ElementsAre(Cat("volume ", name, " wrap team-a"), Cat("unknown ", name, "   trash")));
}

TEST_F(EncryptedImagesTest, WhatNoJournalNamesIsFoundByItsMetadata) {
  const std::string orphan = Cat("csi-vol-", kUuid);
  AddImage("static-image", kMetaDekLegacy, "text");
  AddImage("with-previous", kMetaPreviousDek, "text");
  AddImage(orphan, kMetaEncrypted, kStateEncrypted);
  AddImage("plain", kMetaDek, "");
  ASSERT_THAT(Walk(), IsOk());
  EXPECT_THAT(Names(), ElementsAre(orphan, "static-image", "with-previous"));
  EXPECT_EQ(found_[0].volume_id, Cat("0001-0009-rook-ceph-0000000000000001-", kUuid));
  EXPECT_EQ(found_[1].wrapped_dek, "text");
  EXPECT_EQ(found_[1].volume_id, "");
  EXPECT_EQ(found_[2].previous_wrapped_dek, "text");
}

TEST_F(EncryptedImagesTest, StateThatNobodyWritesIsToldAndTheRestIsReadAllTheSame) {
  AddImage("odd", kMetaEncrypted, "perhaps");
  ASSERT_THAT(Walk(), IsOk());
  ASSERT_THAT(found_, SizeIs(1));
  EXPECT_THAT(found_[0].state, StatusIs(Code::kDataLoss));
  EXPECT_THAT(found_[0].status, IsOk());
}

TEST_F(EncryptedImagesTest, JournalThatCannotBeReadIsARowOfItsOwn) {
  Create("pvc-1", "store");
  const std::string broken = Cat("csi-vol-", kUuid);
  AddImage(broken, kMetaDek, "text");
  ASSERT_THAT(pool().omap().CreateObject(Cat("csi.volume.", kUuid), {{kKeyJournalPool, "?"}}),
              IsOk());
  ASSERT_THAT(Walk(), IsOk());
  ASSERT_THAT(found_, SizeIs(2));
  const auto row = std::find_if(found_.begin(), found_.end(), [&](const EncryptedImage& each) {
    return each.listed.name == broken;
  });
  EXPECT_THAT(row->status, StatusIs(Code::kInternal, HasSubstr(kKeyJournalPool)));
}

TEST_F(EncryptedImagesTest, WalkGoesOnBehindAName) {
  for (const char* name : {"a", "b", "c", "d"}) {
    AddImage(name, kMetaDek, "text");
  }
  ASSERT_THAT(pool().images().MoveToTrash("a"), IsOk());
  ASSERT_THAT(Walk({.cluster_id = "rook-ceph", .after = "b", .threads = 1}), IsOk());
  EXPECT_THAT(Names(), ElementsAre("c", "d", "a"));
}

TEST_F(EncryptedImagesTest, WhatMovesOrAppearsMeanwhileIsSeen) {
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "z"}) {
    AddImage(name, kMetaDek, "text");
  }
  on_report_ = [&, is_first = true]() mutable {
    if (std::exchange(is_first, false)) {
      // One whose turn is still to come, and one that was just made.
      EXPECT_THAT(pool().images().MoveToTrash("z"), IsOk());
      AddImage("k", kMetaDek, "text");
    }
    return OkStatus();
  };
  ASSERT_THAT(Walk({.cluster_id = "rook-ceph", .threads = 1}), IsOk());
  EXPECT_THAT(Names(), ElementsAre("a", "b", "c", "d", "e", "f", "g", "z", "k"));
  EXPECT_NE(found_[7].listed.trash_id, "");
}

TEST_F(EncryptedImagesTest, WhatIsGoneByItsTurnIsPassedOver) {
  for (int i = 0; i < 20; ++i) {
    AddImage(Cat("image-", 100 + i), kMetaDek, "text");
  }
  on_report_ = [&, is_first = true]() mutable {
    if (std::exchange(is_first, false)) {
      EXPECT_THAT(pool().images().MoveToTrash("image-119"), IsOk());
      const auto trash = pool().images().ListTrash();
      EXPECT_THAT(pool().images().PurgeFromTrash(trash->front().id), IsOk());
    }
    return OkStatus();
  };
  ASSERT_THAT(Walk({.cluster_id = "rook-ceph", .threads = 1}), IsOk());
  EXPECT_THAT(found_, SizeIs(19));
}

TEST_F(EncryptedImagesTest, ErrorOfAReportEndsTheWalk) {
  for (const char* name : {"a", "b", "c"}) {
    AddImage(name, kMetaDek, "text");
  }
  on_report_ = [this] { return found_.size() == 2 ? Unavailable("enough") : OkStatus(); };
  EXPECT_THAT(Walk(), StatusIs(Code::kUnavailable, "enough"));
  EXPECT_THAT(Names(), ElementsAre("a", "b"));
}

TEST_F(EncryptedImagesTest, ClusterThatIsSilentEndsTheWalkSoon) {
  for (int i = 0; i < 50; ++i) {
    AddImage(Cat("image-", 100 + i), kMetaDek, "text");
  }
  const auto connection = driver_->process().Shared({}, {.user = "csi", .key = Secret("a2V5")});
  const auto mine = (*connection)->OpenPool("rbd", "");
  int rows = 0;
  const auto work = [&](const Context&, const EncryptedImage& found, Image*) -> InOrderReport {
    return [&, status = found.status] {
      ++rows;
      world_.ceph.SetDown(true);
      return OkStatus();
    };
  };
  EXPECT_THAT(ForEachEncryptedImage(Context::Background(), **mine,
                                    {.cluster_id = "rook-ceph", .threads = 2}, work),
              StatusIs(Code::kUnavailable));
  EXPECT_LE(rows, 8 + 3);
  world_.ceph.SetDown(false);
}

TEST_F(EncryptedImagesTest, NothingIsWrittenAndNoImageStaysOpen) {
  Create("pvc-1", "wrap");
  LoadRecording(world_.ceph, "copies.json");
  world_.ceph.ClearEffects();
  const auto connection = driver_->process().Shared({}, {.user = "csi", .key = Secret("a2V5")});
  const auto mine = (*connection)->OpenPool("rbd", "");
  const auto work = [](const Context&, const EncryptedImage&, Image* image) -> InOrderReport {
    EXPECT_THAT(image->Watchers().value(), IsEmpty());
    return [] { return OkStatus(); };
  };
  ASSERT_THAT(
      ForEachEncryptedImage(Context::Background(), **mine, {.cluster_id = "rook-ceph"}, work),
      IsOk());
  EXPECT_THAT(world_.ceph.effects(), IsEmpty());
}

}  // namespace
}  // namespace rbdcrypt::rbd
