// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/key_use.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "rbd/names.h"
#include "rbd/volume_id.h"
#include "tests/fakes/fake_key_admin.h"
#include "tests/rbd/recorded_pool.h"
#include "tests/rbd/volume_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::Driver;
using ::rbdcrypt::testing::FakeKeyAdmin;
using ::rbdcrypt::testing::FakeWrappingKms;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::LoadRecording;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::VolumeWorld;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr char kConfig[] = R"({"store": {"encryptionKMSType": "store"},
                               "wrap": {"encryptionKMSType": "fake-wrapping", "ring": "1"},
                               "other": {"encryptionKMSType": "fake-wrapping", "ring": "2"}})";

// Two entries of one provider, "wrap" and "other", with a ring of keys each.
class KeyUseTest : public ::testing::Test {
 protected:
  KeyUseTest()
      : config_(world_.dir.Write("two.json", kConfig)),
        registry_(config_,
                  {{"store",
                    {.open = [this](const auto&, const auto&, const auto&)
                         -> Result<std::shared_ptr<kms::Kms>> { return world_.store; }}},
                   {"fake-wrapping", WrappingProvider()}}),
        driver_(std::make_unique<Driver>(
            world_.ceph, world_.clock, world_.clusters, registry_, "controller")),
        admin_(world_.wrap),
        search_(registry_, admin_, {.kms_id = "wrap", .key_id = "1"}) {}

  kms::Provider WrappingProvider() {
    return {.open = [this](const Context&, const kms::ConfigEntry& entry, const kms::KmsRequest&)
                -> Result<std::shared_ptr<kms::Kms>> { return RingOf(entry); },
            .keeps_deks = false,
            .admin = [this](const Context&, const kms::ConfigEntry& entry,
                            const kms::KmsRequest&) -> Result<std::unique_ptr<kms::KeyAdmin>> {
              return std::make_unique<FakeKeyAdmin>(RingOf(entry));
            }};
  }

  std::shared_ptr<FakeWrappingKms> RingOf(const kms::ConfigEntry& entry) const {
    return entry.options["ring"] == "1" ? world_.wrap : other_;
  }

  std::string Create(const std::string& name, const std::string& kms_id) {
    CreateVolumeSpec spec = VolumeWorld::Spec(kms_id);
    spec.request_name = name;
    return driver_->Create(spec)->volume_id;
  }

  std::string TextOf(const std::string& volume_id) {
    const auto image = pool().images().Open(world_.ImageName(volume_id), OpenMode::kReadOnly);
    return (*image)->GetMetadata(kMetaDek).value();
  }

  void SetMetadata(const std::string& image_name, const std::string& key, const std::string& text) {
    ASSERT_OK_AND_ASSIGN(const auto image, pool().images().Open(image_name, OpenMode::kReadWrite));
    ASSERT_THAT(image->SetMetadata(key, text), IsOk());
  }

  // An image of that name with a DEK that key 1 wrapped.
  void AddImage(const std::string& name, const std::string& text) {
    ASSERT_THAT(pool().images().Create(name, {.size_bytes = 1 << 20}), IsOk());
    SetMetadata(name, kMetaDek, text);
  }

  std::string WrappedByKeyOne() {
    return world_.wrap->WrapDek(Context::Background(), "a-volume", Secret("dek")).value();
  }

  Status AskEntries() { return search_.AskEntries(Context::Background()); }

  Status AskPool() { return search_.AskPool(Context::Background(), pool(), "rook-ceph"); }

  // "image: what", or "kms: what"; with the code where it could not be told.
  std::vector<std::string> Rows() const {
    std::vector<std::string> rows;
    for (const KeyUse& use : search_.uses()) {
      rows.push_back(Cat(use.image.has_value() ? use.image->listed.name : use.kms_id, ": ",
                         use.what, use.status.ok() ? "" : Cat(" ", CodeName(use.status.code()))));
    }
    return rows;
  }

  Pool& pool() { return world_.ceph.Admin(); }

  VolumeWorld world_;
  const std::shared_ptr<FakeWrappingKms> other_ = std::make_shared<FakeWrappingKms>("other");
  kms::FileConfigSource config_;
  kms::Registry registry_;
  const std::unique_ptr<Driver> driver_;
  FakeKeyAdmin admin_;
  KeyUseSearch search_;
};

TEST_F(KeyUseTest, AVolumeWhoseDekTheKeyWrappedNeedsIt) {
  const std::string first = Create("pvc-1", "wrap");
  world_.wrap->RotateKek();
  Create("pvc-2", "wrap");
  ASSERT_THAT(AskPool(), IsOk());
  EXPECT_THAT(Rows(), ElementsAre(Cat(world_.ImageName(first), ": current DEK")));
  EXPECT_EQ(search_.uses()[0].image->volume_id, first);
  EXPECT_EQ(search_.uses()[0].kms_id, "wrap");
  ASSERT_THAT(search_.pools(), SizeIs(1));
  EXPECT_EQ(search_.pools()[0].pool, "rbd");
  EXPECT_EQ(search_.pools()[0].deks, 2);
}

TEST_F(KeyUseTest, APreviousDekNeedsItsKeyToo) {
  const std::string volume_id = Create("pvc-1", "wrap");
  const std::string before = TextOf(volume_id);
  world_.wrap->RotateKek();
  ASSERT_OK_AND_ASSIGN(const std::string text,
                       world_.wrap->WrapDek(Context::Background(), volume_id, Secret("dek")));
  SetMetadata(world_.ImageName(volume_id), kMetaDek, text);
  ASSERT_THAT(AskPool(), IsOk());
  EXPECT_THAT(Rows(), IsEmpty());
  SetMetadata(world_.ImageName(volume_id), kMetaPreviousDek, before);
  ASSERT_THAT(AskPool(), IsOk());
  EXPECT_THAT(Rows(), ElementsAre(Cat(world_.ImageName(volume_id), ": previous DEK")));
}

TEST_F(KeyUseTest, TheTrashAndWhatNoJournalNamesCount) {
  const std::string text = WrappedByKeyOne();
  const std::string trashed = world_.ImageName(Create("pvc-1", "wrap"));
  ASSERT_THAT(pool().images().MoveToTrash(trashed), IsOk());
  ASSERT_THAT(pool().omap().RemoveObject(Cat("csi.volume.", trashed.substr(8))), IsOk());
  AddImage("static", text);
  AddImage(Cat(trashed, "-temp"), text);
  ASSERT_THAT(AskPool(), IsOk());
  EXPECT_THAT(Rows(), ElementsAre(Cat(trashed, "-temp: current DEK"), "static: current DEK",
                                  Cat(trashed, ": current DEK")));
  EXPECT_NE(search_.uses()[2].image->listed.trash_id, "");
}

// Safety B8: what librbd copied from the source of a clone is no DEK of its own.
TEST_F(KeyUseTest, ATextBesideTheDekOfAnotherProviderIsPassedOver) {
  const std::string clone = world_.ImageName(Create("pvc-1", "store"));
  SetMetadata(clone, kMetaDek, WrappedByKeyOne());
  ASSERT_THAT(AskPool(), IsOk());
  EXPECT_THAT(Rows(), IsEmpty());
  EXPECT_THAT(search_.passed_over(), ElementsAre(Pair("store", 1)));
}

TEST_F(KeyUseTest, AVolumeOfAnotherEntryOfTheProviderCounts) {
  const std::string volume_id = Create("pvc-1", "other");
  // As if both entries were of one server.
  SetMetadata(world_.ImageName(volume_id), kMetaDek, WrappedByKeyOne());
  ASSERT_THAT(AskPool(), IsOk());
  EXPECT_THAT(Rows(), ElementsAre(Cat(world_.ImageName(volume_id), ": current DEK")));
  EXPECT_EQ(search_.uses()[0].kms_id, "other");
}

TEST_F(KeyUseTest, WhatTheKeyManagerDoesNotKnowItsOwnEntryIsAskedAbout) {
  other_->RotateKek();
  Create("pvc-1", "other");
  ASSERT_THAT(AskPool(), IsOk());
  EXPECT_THAT(Rows(), IsEmpty());
  EXPECT_EQ(search_.pools()[0].deks, 1);
  // The other's key 1 is another key, but nothing shows that.
  auto ring = std::make_shared<FakeWrappingKms>("third");
  AddImage("unknown", ring->WrapDek(Context::Background(), "a", Secret("dek")).value());
  ASSERT_THAT(AskPool(), IsOk());
  EXPECT_THAT(Rows(), ElementsAre("unknown: current DEK FAILED_PRECONDITION"));
}

TEST_F(KeyUseTest, WhatCannotBeToldCountsAsANeed) {
  const std::string damaged = world_.ImageName(Create("pvc-1", "wrap"));
  SetMetadata(damaged, kMetaDek, "{damaged");
  const std::string nowhere = world_.ImageName(Create("pvc-2", "wrap"));
  const std::string object = Cat("csi.volume.", nowhere.substr(8));
  ASSERT_THAT(pool().omap().Set(object, {{kKeyKmsId, "no-such-entry"}}), IsOk());
  const std::string unreadable = world_.ImageName(Create("pvc-3", "wrap"));
  ASSERT_THAT(pool().omap().Set(Cat("csi.volume.", unreadable.substr(8)), {{kKeyJournalPool, "?"}}),
              IsOk());
  ASSERT_THAT(AskPool(), IsOk());
  EXPECT_THAT(Rows(), ::testing::UnorderedElementsAre(Cat(damaged, ": current DEK DATA_LOSS"),
                                                      Cat(nowhere, ":  INVALID_ARGUMENT"),
                                                      Cat(unreadable, ":  INTERNAL")));
}

TEST_F(KeyUseTest, ASilentKeyManagerEndsTheSearchAndKeepsWhatWasFound) {
  Create("pvc-1", "wrap");
  AddImage("a-first", WrappedByKeyOne());
  bool is_down = false;

  class GoesDown final : public kms::KeyAdmin {
   public:
    GoesDown(kms::KeyAdmin& inner, bool& is_down) : inner_(inner), is_down_(is_down) {}

    Result<NewKey> CreateKey(const Context&, int, std::string_view) override {
      return Internal("not here");
    }

    Result<bool> IsWrappedBy(const Context& context,
                             std::string_view volume_id,
                             std::string_view wrapped,
                             std::string_view key_id) override {
      return std::exchange(is_down_, true)
                 ? Result<bool>(Unavailable("nobody answers"))
                 : inner_.IsWrappedBy(context, volume_id, wrapped, key_id);
    }

    Status DestroyKey(const Context&, std::string_view) override { return Internal("not here"); }

   private:
    kms::KeyAdmin& inner_;
    bool& is_down_;
  } goes_down(admin_, is_down);

  KeyUseSearch search(registry_, goes_down, {.kms_id = "wrap", .key_id = "1"});
  EXPECT_THAT(search.AskPool(Context::Background(), pool(), "rook-ceph"),
              StatusIs(Code::kUnavailable));
  ASSERT_THAT(search.uses(), SizeIs(2));
  EXPECT_THAT(search.uses()[0].status, IsOk());
  EXPECT_THAT(search.uses()[1].status, StatusIs(Code::kUnavailable));
  EXPECT_THAT(search.pools()[0].status, StatusIs(Code::kUnavailable));
}

TEST_F(KeyUseTest, AnEntryThatWrapsWithTheKeyNeedsIt) {
  ASSERT_THAT(AskEntries(), IsOk());
  EXPECT_THAT(Rows(), ElementsAre("other: new DEKs", "wrap: new DEKs"));
}

TEST_F(KeyUseTest, AnEntryThatWrapsWithAnotherKeyDoesNotNeedIt) {
  world_.wrap->RotateKek();
  other_->RotateKek();
  ASSERT_THAT(AskEntries(), IsOk());
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(KeyUseTest, AnEntryThatIsDownOrSaysNoCountsAsANeed) {
  world_.wrap->RotateKek();
  other_->SetDenied(true);
  ASSERT_THAT(AskEntries(), IsOk());
  EXPECT_THAT(Rows(), ElementsAre("other: new DEKs PERMISSION_DENIED"));
  other_->SetDenied(false);
  other_->SetDown(true);
  EXPECT_THAT(AskEntries(), StatusIs(Code::kUnavailable));
  EXPECT_THAT(search_.uses(), SizeIs(2));
}

TEST_F(KeyUseTest, AMalformedEntryCountsAsANeed) {
  world_.wrap->RotateKek();
  other_->RotateKek();
  world_.dir.Write("two.json", R"({"wrap": {"encryptionKMSType": "fake-wrapping", "ring": "1"},
                                   "odd": {"ring": "1"}})");
  ASSERT_THAT(AskEntries(), IsOk());
  EXPECT_THAT(Rows(), ElementsAre("odd: new DEKs INVALID_ARGUMENT"));
}

// ceph-csi's own texts are none of this key manager's, so it can tell nothing of them.
TEST_F(KeyUseTest, RecordedVolumesOfUnknownEntriesAreEachToldOf) {
  LoadRecording(world_.ceph, "copies.json");
  ASSERT_THAT(AskPool(), IsOk());
  EXPECT_THAT(Rows(),
              ElementsAre("csi-snap-f6be8032-cb9e-42be-9506-f6702da52ebf:  INVALID_ARGUMENT",
                          "csi-vol-01342aff-9cf3-4117-8200-00c0c26e11bf:  INVALID_ARGUMENT",
                          "csi-vol-2537cd14-41ef-4647-8043-bcedba0c7e89:  INVALID_ARGUMENT",
                          "csi-vol-e43db367-01fb-44ab-9bfe-a1085b45f807:  INVALID_ARGUMENT"));
}

}  // namespace
}  // namespace rbdcrypt::rbd
