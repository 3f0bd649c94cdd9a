// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/volume_flow.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rbd/names.h"
#include "tests/rbd/volume_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::DeadWatchers;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::KmsFault;
using ::rbdcrypt::testing::LastEffect;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::VolumeWorld;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::uint64_t kGiB = 1ULL << 30;

std::string Metadata(VolumeWorld& world, const std::string& image, const char* key) {
  const auto opened = world.ceph.Admin().images().Open(image, OpenMode::kReadOnly);
  return (*opened)->GetMetadata(key).value_or("");
}

TEST(VolumeFlowTest, CreatePlainTouchesNoKeyManagerAndLeavesNoLock) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(VolumeWorld::Spec()));
  EXPECT_EQ(volume.size_bytes, kGiB);
  EXPECT_EQ(world.store->calls() + world.wrap->wraps(), 0);
  EXPECT_EQ(world.ceph.Objects().count(volume.volume_id), 0U);
  EXPECT_THAT(driver->Delete(volume.volume_id), IsOk());
  EXPECT_EQ(world.Leftovers(), "");
}

class EncryptedVolumeFlowTest : public ::testing::TestWithParam<const char*> {};

TEST_P(EncryptedVolumeFlowTest, CreateLeavesAHeaderThatTheStoredDekOpens) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(VolumeWorld::Spec(GetParam())));
  EXPECT_EQ(Metadata(world, volume.image_name, kMetaEncrypted), "encrypted");
  EXPECT_EQ(world.Holders(volume.volume_id), "");
  EXPECT_THAT(world.CheckOpens(*driver, volume.volume_id), IsOk());
}

TEST_P(EncryptedVolumeFlowTest, CreateAgainReturnsTheSameVolumeAndWritesNothing) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  ASSERT_OK_AND_ASSIGN(const CreatedVolume first, driver->Create(VolumeWorld::Spec(GetParam())));
  world.ceph.ClearEffects();
  const int writes = world.store->writes();
  ASSERT_OK_AND_ASSIGN(const CreatedVolume second, driver->Create(VolumeWorld::Spec(GetParam())));
  EXPECT_EQ(second.volume_id, first.volume_id);
  EXPECT_THAT(world.ceph.effects(), ::testing::IsEmpty());
  EXPECT_EQ(world.store->writes(), writes);
}

TEST_P(EncryptedVolumeFlowTest, DeleteLeavesNothing) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(VolumeWorld::Spec(GetParam())));
  EXPECT_THAT(driver->Delete(volume.volume_id), IsOk());
  EXPECT_EQ(world.Leftovers(), "");
  EXPECT_EQ(world.store->CurrentForTest(volume.volume_id), "");
  EXPECT_THAT(driver->Delete(volume.volume_id), IsOk());
}

// Where an image's objects are small, the one write of a new header lands in parts, and a crash may
// leave any of them out (rbd/luks/write_back.h).
TEST_P(EncryptedVolumeFlowTest, NewHeaderThatLandedInPartIsTakenUpOrWrittenAgain) {
  const std::vector<Extent> parts = {{.offset_bytes = 512, .length_bytes = 16384 - 512},
                                     {.offset_bytes = 16384, .length_bytes = 16384},
                                     {.offset_bytes = 32768, .length_bytes = 258048}};
  for (unsigned int missing = 1; missing < 1U << parts.size(); ++missing) {
    SCOPED_TRACE(missing);
    VolumeWorld world;
    const auto driver = world.StartDriver("controller");
    ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(VolumeWorld::Spec(GetParam())));
    {
      ASSERT_OK_AND_ASSIGN(const auto image, world.ceph.Admin().images().Open(
                                                 volume.image_name, OpenMode::kReadWrite));
      ASSERT_THAT(image->SetMetadata(kMetaEncrypted, kStatePrepared), IsOk());
      for (std::size_t part = 0; part < parts.size(); ++part) {
        if ((missing >> part & 1U) != 0) {
          const std::vector<std::byte> zeros(parts[part].length_bytes);
          ASSERT_THAT(image->Write(parts[part].offset_bytes, zeros), IsOk());
        }
      }
    }
    const std::string dek = world.store->CurrentForTest(volume.volume_id);
    EXPECT_THAT(driver->Create(VolumeWorld::Spec(GetParam())), IsOk());
    EXPECT_THAT(world.CheckOpens(*driver, volume.volume_id), IsOk());
    EXPECT_EQ(world.store->CurrentForTest(volume.volume_id), dek);
  }
}

// Ends a create after its n-th effect, for every n; its repetition must bring a volume that opens,
// and the delete of that must leave nothing.
void CreateDiesAfterEveryEffect(const char* kms_id, LastEffect last) {
  for (int n = 0;; ++n) {
    SCOPED_TRACE(n);
    VolumeWorld world;
    const auto driver = world.StartDriver("controller");
    driver->process().FailAfterEffects(n, last);
    const auto first = driver->Create(VolumeWorld::Spec(kms_id));
    if (first.ok() && !driver->process().IsDead()) {
      ASSERT_GT(n, 3);
      return;
    }
    driver->Restart();
    auto second = driver->Create(VolumeWorld::Spec(kms_id));
    if (second.status().code() == Code::kAborted) {
      world.PassTime();
      second = driver->Create(VolumeWorld::Spec(kms_id));
    }
    ASSERT_THAT(second, IsOk());
    if (*kms_id != '\0') {
      ASSERT_THAT(world.CheckOpens(*driver, second->volume_id), IsOk());
    }
    // The dead one's watch is counted until it runs out.
    world.PassTime();
    ASSERT_THAT(driver->Delete(second->volume_id), IsOk());
    ASSERT_EQ(world.Leftovers(), "");
    ASSERT_EQ(world.store->CurrentForTest(second->volume_id), "");
  }
}

TEST(VolumeFlowCrashTest, PlainCreateDyingAfterEveryEffectConverges) {
  CreateDiesAfterEveryEffect("", LastEffect::kIsLost);
  CreateDiesAfterEveryEffect("", LastEffect::kLands);
}

TEST_P(EncryptedVolumeFlowTest, CreateDyingAfterEveryEffectConverges) {
  CreateDiesAfterEveryEffect(GetParam(), LastEffect::kIsLost);
  CreateDiesAfterEveryEffect(GetParam(), LastEffect::kLands);
}

TEST_P(EncryptedVolumeFlowTest, DeleteDyingAfterEveryEffectConverges) {
  for (const LastEffect last : {LastEffect::kIsLost, LastEffect::kLands}) {
    for (int n = 0;; ++n) {
      SCOPED_TRACE(n);
      VolumeWorld world;
      const auto driver = world.StartDriver("controller");
      ASSERT_OK_AND_ASSIGN(const CreatedVolume volume,
                           driver->Create(VolumeWorld::Spec(GetParam())));
      driver->process().FailAfterEffects(n, last);
      const Status first = driver->Delete(volume.volume_id);
      if (first.ok() && !driver->process().IsDead()) {
        ASSERT_GT(n, 3);
        break;
      }
      driver->Restart(DeadWatchers::kGone);
      Status second = driver->Delete(volume.volume_id);
      if (second.code() == Code::kAborted) {
        world.PassTime();
        second = driver->Delete(volume.volume_id);
      }
      ASSERT_THAT(second, IsOk());
      ASSERT_EQ(world.Leftovers(), "");
      ASSERT_EQ(world.store->CurrentForTest(volume.volume_id), "");
    }
  }
}

// Safety G6: a controller that was stopped at an effect goes on beside a second one that finished
// the same create meanwhile.
TEST_P(EncryptedVolumeFlowTest, CreateStoppedAtEveryEffectAndContinuedBesideAnotherLosesNothing) {
  for (int n = 1;; ++n) {
    SCOPED_TRACE(n);
    VolumeWorld world;
    const auto stopped = world.StartDriver("controller-a");
    const auto other = world.StartDriver("controller-b");
    int effects = 0;
    std::string made_by_other;
    world.ceph.OnEffect([&](const std::string&) {
      if (++effects != n) {
        return;
      }
      // The stopped one's watch and lock run out while it stands.
      world.PassTime();
      auto created = other->Create(VolumeWorld::Spec(GetParam()));
      if (created.ok()) {
        made_by_other = created->volume_id;
      }
    });
    const auto created = stopped->Create(VolumeWorld::Spec(GetParam()));
    world.ceph.OnEffect(nullptr);
    if (effects < n) {
      ASSERT_GT(n, 5);
      return;
    }
    world.PassTime();
    ASSERT_OK_AND_ASSIGN(const CreatedVolume last, other->Create(VolumeWorld::Spec(GetParam())));
    if (created.ok()) {
      ASSERT_EQ(created->volume_id, last.volume_id);
    }
    if (!made_by_other.empty()) {
      ASSERT_EQ(made_by_other, last.volume_id);
    }
    ASSERT_THAT(world.CheckOpens(*other, last.volume_id), IsOk());
    stopped->process().Kill();
    world.PassTime();
    ASSERT_THAT(other->Delete(last.volume_id), IsOk());
    ASSERT_EQ(world.Leftovers(), "");
  }
}

// Safety B4: the stopped one then meets an error for good. It takes back what it began only where
// nobody finished it.
TEST_P(EncryptedVolumeFlowTest, CreateThatFailsForGoodNeverTakesBackWhatAnotherFinished) {
  int finished_by_other = 0;
  for (int n = 1;; ++n) {
    SCOPED_TRACE(n);
    VolumeWorld world;
    const auto stopped = world.StartDriver("controller-a");
    const auto other = world.StartDriver("controller-b");
    int effects = 0;
    std::string made_by_other;
    world.ceph.OnEffect([&](const std::string&) {
      if (++effects != n) {
        return;
      }
      world.PassTime();
      auto created = other->Create(VolumeWorld::Spec(GetParam()));
      if (created.ok()) {
        made_by_other = created->volume_id;
      }
      world.ceph.FailOnce("", Internal("of no hope"), LastEffect::kIsLost);
    });
    const auto created = stopped->Create(VolumeWorld::Spec(GetParam()));
    world.ceph.OnEffect(nullptr);
    if (effects < n) {
      break;
    }
    if (!made_by_other.empty()) {
      ++finished_by_other;
      ASSERT_THAT(world.CheckOpens(*other, made_by_other), IsOk());
    }
  }
  EXPECT_GT(finished_by_other, 5);
}

// Safety G6, B4: a create that failed for good stands still at every effect of its taking back, and
// another one finishes the volume meanwhile.
TEST_P(EncryptedVolumeFlowTest, TakingBackStoppedAtEveryEffectNeverHurtsAnothersVolume) {
  int finished_by_other = 0;
  for (int n = 1;; ++n) {
    SCOPED_TRACE(n);
    VolumeWorld world;
    const auto stopped = world.StartDriver("controller-a");
    const auto other = world.StartDriver("controller-b");
    int effects = 0;
    std::string made_by_other;
    world.ceph.FailOnce("image.create", Internal("of no hope"), LastEffect::kIsLost);
    world.ceph.OnEffect([&](const std::string&) {
      if (++effects == n) {
        world.PassTime();
        auto created = other->Create(VolumeWorld::Spec(GetParam()));
        made_by_other = created.ok() ? created->volume_id : "";
      }
    });
    const auto created = stopped->Create(VolumeWorld::Spec(GetParam()));
    world.ceph.OnEffect(nullptr);
    if (effects < n) {
      break;
    }
    if (!made_by_other.empty()) {
      ++finished_by_other;
      ASSERT_THAT(world.CheckOpens(*other, made_by_other), IsOk());
      ASSERT_OK_AND_ASSIGN(const auto again, other->Create(VolumeWorld::Spec(GetParam())));
      ASSERT_EQ(again.volume_id, made_by_other);
    }
  }
  EXPECT_GT(finished_by_other, 3);
}

// Safety G6: a delete that stands still at every effect beside one that finishes, and a new volume
// of the same name.
TEST_P(EncryptedVolumeFlowTest, DeleteStoppedAtEveryEffectAndContinuedLeavesTheNextVolumeAlone) {
  for (int n = 1;; ++n) {
    SCOPED_TRACE(n);
    VolumeWorld world;
    const auto stopped = world.StartDriver("controller-a");
    const auto other = world.StartDriver("controller-b");
    ASSERT_OK_AND_ASSIGN(const CreatedVolume first, other->Create(VolumeWorld::Spec(GetParam())));
    int effects = 0;
    std::string next;
    world.ceph.OnEffect([&](const std::string&) {
      if (++effects == n) {
        world.PassTime();
        ASSERT_THAT(other->Delete(first.volume_id), IsOk());
        next = other->Create(VolumeWorld::Spec(GetParam()))->volume_id;
      }
    });
    const Status deleted = stopped->Delete(first.volume_id);
    world.ceph.OnEffect(nullptr);
    if (effects < n) {
      ASSERT_GT(n, 5);
      return;
    }
    ASSERT_NE(next, first.volume_id);
    ASSERT_THAT(world.CheckOpens(*other, next), IsOk());
    world.PassTime();
    ASSERT_THAT(other->Delete(first.volume_id), IsOk());
    ASSERT_THAT(world.CheckOpens(*other, next), IsOk());
    ASSERT_THAT(other->Delete(next), IsOk());
    ASSERT_EQ(world.Leftovers(), "");
  }
}

INSTANTIATE_TEST_SUITE_P(AllKindsOfStore,
                         EncryptedVolumeFlowTest,
                         ::testing::Values("store", "wrap"),
                         [](const auto& chosen) { return std::string(chosen.param); });

TEST(VolumeFlowTest, CreateWithOtherSizeOrKmsAlreadyExists) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  ASSERT_THAT(driver->Create(VolumeWorld::Spec("store")), IsOk());
  CreateVolumeSpec larger = VolumeWorld::Spec("store");
  larger.layout.size_bytes = 2 * kGiB;
  EXPECT_THAT(driver->Create(larger), StatusIs(Code::kAlreadyExists, HasSubstr("pvc-1")));
  EXPECT_THAT(driver->Create(VolumeWorld::Spec("wrap")),
              StatusIs(Code::kAlreadyExists, HasSubstr("encryptionKMSID store")));
  EXPECT_THAT(driver->Create(VolumeWorld::Spec()),
              StatusIs(Code::kAlreadyExists, HasSubstr("no encryption")));
}

TEST(VolumeFlowTest, UnknownKmsLeavesNothing) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  EXPECT_THAT(driver->Create(VolumeWorld::Spec("absent")),
              StatusIs(Code::kInvalidArgument, HasSubstr("absent")));
  EXPECT_THAT(world.ceph.effects(), ::testing::IsEmpty());
}

TEST(VolumeFlowTest, KmsThatSaysNoTakesTheCreateBack) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  world.store->SetDenied(true);
  EXPECT_THAT(
      driver->Create(VolumeWorld::Spec("store")),
      StatusIs(Code::kPermissionDenied, AllOf(HasSubstr("volume 0001-"), HasSubstr("KMS store"))));
  EXPECT_EQ(world.Leftovers(), "");
}

TEST(VolumeFlowTest, KmsThatIsDownKeepsTheCreateForItsRepetition) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  world.store->SetDown(true);
  EXPECT_THAT(driver->Create(VolumeWorld::Spec("store")), StatusIs(Code::kUnavailable));
  world.store->SetDown(false);
  ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(VolumeWorld::Spec("store")));
  EXPECT_THAT(world.CheckOpens(*driver, volume.volume_id), IsOk());
}

// Safety B5: the answer of the key manager is lost, the write is not.
TEST(VolumeFlowTest, LostAnswerOfTheKeyManagerIsReadAgain) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  world.store->FailWrite(1, KmsFault::kAnswerLost);
  ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(VolumeWorld::Spec("store")));
  EXPECT_THAT(world.CheckOpens(*driver, volume.volume_id), IsOk());
  EXPECT_EQ(world.store->calls("Create"), 1);
}

// Safety B5: the answer is lost, and so is that of the read that would tell. Unknown is not "no":
// nothing is removed, and the repetition goes on with the DEK that is stored.
TEST(VolumeFlowTest, LostAnswerThatCannotBeReadAgainKeepsWhatIsStored) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  // Fetch, Create, Fetch again.
  world.store->FailCall(2, KmsFault::kAnswerLost);
  world.store->FailCall(3, KmsFault::kNotDone);
  EXPECT_THAT(driver->Create(VolumeWorld::Spec("store")), StatusIs(Code::kUnavailable));
  EXPECT_EQ(world.store->calls("Remove"), 0);
  EXPECT_EQ(world.ceph.Admin().images().List()->size(), 1U);
  ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(VolumeWorld::Spec("store")));
  EXPECT_THAT(world.CheckOpens(*driver, volume.volume_id), IsOk());
  EXPECT_EQ(world.store->writes(), 1);
}

// Safety B5: a write that lands after its repetition was answered must not win.
TEST(VolumeFlowTest, LateWriteOfAnEarlierDekChangesNothing) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  world.store->FailWrite(1, KmsFault::kLandsLater);
  EXPECT_THAT(driver->Create(VolumeWorld::Spec("store")), StatusIs(Code::kUnavailable));
  ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(VolumeWorld::Spec("store")));
  world.store->LandLateWrites();
  EXPECT_THAT(world.CheckOpens(*driver, volume.volume_id), IsOk());
}

// Safety B2: `encrypted` and a key manager whose standby says there is no key.
TEST(VolumeFlowTest, StaleNotFoundNeverMakesANewDek) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  world.store->FreezeReads();
  const auto during_lag = driver->Create(VolumeWorld::Spec("store"));
  world.store->ThawReads();
  ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(VolumeWorld::Spec("store")));
  const std::string dek = world.store->CurrentForTest(volume.volume_id);
  world.store->FreezeReads();
  world.store->Remove(driver->context(), "another").IgnoreError();
  ASSERT_THAT(driver->Create(VolumeWorld::Spec("store")), IsOk());
  EXPECT_EQ(world.store->CurrentForTest(volume.volume_id), dek);
}

TEST(VolumeFlowTest, DeleteOfAVolumeInUseIsRefusedAndLosesNothing) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(VolumeWorld::Spec("store")));
  world.ceph.AddWatcher(volume.image_name, "10.0.0.7:0/99");
  EXPECT_THAT(driver->Delete(volume.volume_id),
              StatusIs(Code::kFailedPrecondition, HasSubstr("10.0.0.7:0/99")));
  world.ceph.RemoveWatchers(volume.image_name);
  EXPECT_THAT(world.CheckOpens(*driver, volume.volume_id), IsOk());
}

// Safety B3: a key that cannot be released does not keep the volume; one that is late does.
TEST(VolumeFlowTest, DeleteReportsADekItMayNotRelease) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(VolumeWorld::Spec("store")));
  world.store->SetDown(true);
  EXPECT_THAT(driver->Delete(volume.volume_id), StatusIs(Code::kUnavailable));
  world.store->SetDown(false);
  EXPECT_THAT(driver->unreleased(), ::testing::IsEmpty());
  world.store->SetDenied(true);
  EXPECT_THAT(driver->Delete(volume.volume_id), IsOk());
  EXPECT_EQ(world.Leftovers(), "");
  ASSERT_EQ(driver->unreleased().size(), 1U);
  EXPECT_EQ(driver->unreleased().front().volume_id, volume.volume_id);
  EXPECT_EQ(driver->unreleased().front().kms_id, "store");
}

TEST(VolumeFlowTest, CreateAfterAHalfDeleteGetsAnotherVolumeId) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  ASSERT_OK_AND_ASSIGN(const CreatedVolume first, driver->Create(VolumeWorld::Spec("store")));
  world.store->SetDown(true);
  ASSERT_THAT(driver->Delete(first.volume_id), StatusIs(Code::kUnavailable));
  world.store->SetDown(false);
  ASSERT_OK_AND_ASSIGN(const CreatedVolume second, driver->Create(VolumeWorld::Spec("store")));
  EXPECT_NE(second.volume_id, first.volume_id);
  EXPECT_THAT(driver->Delete(first.volume_id), IsOk());
  EXPECT_THAT(world.CheckOpens(*driver, second.volume_id), IsOk());
}

TEST(VolumeFlowTest, ExpandGrowsOnceAndNeverShrinks) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(VolumeWorld::Spec("wrap")));
  ASSERT_OK_AND_ASSIGN(const ExpandedVolume grown, driver->Expand(volume.volume_id, 2 * kGiB));
  EXPECT_EQ(grown.size_bytes, 2 * kGiB);
  EXPECT_TRUE(grown.is_encrypted);
  ASSERT_OK_AND_ASSIGN(const ExpandedVolume same, driver->Expand(volume.volume_id, kGiB));
  EXPECT_EQ(same.size_bytes, 2 * kGiB);
  EXPECT_EQ(world.Holders(volume.volume_id), "");
}

TEST(VolumeFlowTest, ExpandDyingAfterEveryEffectConverges) {
  for (int n = 0;; ++n) {
    SCOPED_TRACE(n);
    VolumeWorld world;
    const auto driver = world.StartDriver("controller");
    ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(VolumeWorld::Spec("wrap")));
    driver->process().FailAfterEffects(n, LastEffect::kLands);
    const auto first = driver->Expand(volume.volume_id, 2 * kGiB);
    if (first.ok() && !driver->process().IsDead()) {
      ASSERT_GT(n, 2);
      return;
    }
    driver->Restart();
    world.PassTime();
    ASSERT_THAT(driver->Expand(volume.volume_id, 2 * kGiB), IsOk());
    ASSERT_THAT(world.CheckOpens(*driver, volume.volume_id), IsOk());
  }
}

TEST(VolumeFlowTest, DeleteOfAnUnknownVolumeIsDone) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  EXPECT_THAT(driver->Delete("0001-0009-rook-ceph-0000000000000001-"
                             "b0285c97-a0ce-11eb-8c66-0242ac110002"),
              IsOk());
  EXPECT_THAT(driver->Delete("0001-0009-rook-ceph-0000000000000063-"
                             "b0285c97-a0ce-11eb-8c66-0242ac110002"),
              IsOk());
}

}  // namespace
}  // namespace rbdcrypt::rbd
