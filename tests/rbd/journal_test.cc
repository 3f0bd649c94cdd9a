// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/journal.h"

#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/strings.h"
#include "base/uuid.h"
#include "rbd/names.h"
#include "tests/rbd/journal_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::JournalWorld;
using ::rbdcrypt::testing::Objects;
using ::rbdcrypt::testing::ReservationOf;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::Undo;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr char kUuid[] = "455ab52d-aa8e-4721-8d7c-06caa3ab21b9";
constexpr char kObject[] = "csi.volume.455ab52d-aa8e-4721-8d7c-06caa3ab21b9";
constexpr char kDirectory[] = "csi.volumes.default";
constexpr char kKey[] = "csi.volume.pvc-1";

// What ceph-csi wrote for three volumes, see SOURCE beside it.
Objects Recorded() {
  std::ifstream file(RBDCRYPT_VECTORS "/journal/journal.json");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return ParseJson(text, "journal.json").value().get<Objects>();
}

TEST(JournalTest, FindsEveryVolumeThatCephCsiRecorded) {
  JournalWorld world;
  const Objects recorded = Recorded();
  world.Load(recorded);
  Journal journal = world.NewJournal();
  for (const auto& [key, uuid] : recorded.at(kDirectory)) {
    const std::string name = key.substr(std::string(kDirectoryKeyPrefix).size());
    const OmapValues& values = recorded.at("csi.volume." + uuid);
    ASSERT_OK_AND_ASSIGN(const auto entry, journal.FindByName(name));
    ASSERT_TRUE(entry.has_value()) << name;
    EXPECT_EQ(entry->state, JournalState::kReserved);
    EXPECT_EQ(entry->uuid, uuid);
    EXPECT_EQ(entry->request_name, name);
    EXPECT_EQ(entry->image_name, values.at("csi.imagename"));
    EXPECT_EQ(entry->image_id, values.at("csi.imageid"));
    EXPECT_EQ(entry->owner, "tenant-a");
    EXPECT_EQ(entry->kms_id, values.at("csi.volume.encryptKMS"));
    EXPECT_EQ(entry->encryption_type, "block");
    EXPECT_EQ(entry->journal_pool_id, std::nullopt);
    EXPECT_THAT(journal.FindByUuid(uuid), IsOk());
  }
  EXPECT_EQ(world.ceph.Objects(), recorded);
}

// The same volumes made by us leave the same objects, keys and bytes, but for the random UUIDs.
TEST(JournalTest, WritesByteForByteWhatCephCsiWrites) {
  JournalWorld world;
  Journal journal = world.NewJournal();
  const Objects recorded = Recorded();
  Objects expected;
  for (const auto& [key, uuid] : recorded.at(kDirectory)) {
    const OmapValues& values = recorded.at("csi.volume." + uuid);
    ASSERT_OK_AND_ASSIGN(const JournalEntry entry,
                         journal.Reserve({.request_name = values.at("csi.volname"),
                                          .name_prefix = "",
                                          .owner = values.at("csi.volume.owner"),
                                          .kms_id = values.at("csi.volume.encryptKMS")},
                                         std::nullopt));
    ASSERT_THAT(journal.StoreImageId(entry, values.at("csi.imageid")), IsOk());
    expected[kDirectory][key] = entry.uuid;
    expected["csi.volume." + entry.uuid] = values;
    expected["csi.volume." + entry.uuid]["csi.imagename"] = "csi-vol-" + entry.uuid;
  }
  EXPECT_EQ(world.ceph.Objects(), expected);
}

TEST(JournalTest, ReserveWritesWholeObjectInOneOperation) {
  JournalWorld world;
  Journal journal = world.NewJournal();
  ASSERT_OK_AND_ASSIGN(const JournalEntry entry,
                       journal.Reserve(ReservationOf("pvc-1"), std::nullopt));
  EXPECT_TRUE(IsUuid(entry.uuid));
  EXPECT_EQ(entry.state, JournalState::kReserved);
  EXPECT_THAT(world.ceph.effects(), ElementsAre("omap.set csi.volumes.default csi.volume.pvc-1",
                                                "omap.create csi.volume." + entry.uuid));
}

TEST(JournalTest, ReserveReturnsSameUuidForSameName) {
  JournalWorld world;
  ASSERT_OK_AND_ASSIGN(const JournalEntry first, world.Create("pvc-1"));
  ASSERT_OK_AND_ASSIGN(const JournalEntry again, world.Create("pvc-1"));
  ASSERT_OK_AND_ASSIGN(const JournalEntry other, world.Create("pvc-2"));
  EXPECT_EQ(first.uuid, again.uuid);
  EXPECT_NE(first.uuid, other.uuid);
}

TEST(JournalTest, ReserveOfFinishedReservationChangesNothing) {
  JournalWorld world;
  Journal journal = world.NewJournal();
  ASSERT_OK_AND_ASSIGN(const JournalEntry first, world.Create("pvc-1"));
  const Objects before = world.ceph.Objects();
  ASSERT_OK_AND_ASSIGN(const JournalEntry second, journal.Reserve(ReservationOf("pvc-1"), first));
  EXPECT_EQ(second.uuid, first.uuid);
  EXPECT_EQ(world.ceph.Objects(), before);
}

TEST(JournalTest, PlainVolumeWithoutOwnerHasNoKeysForThem) {
  JournalWorld world;
  ASSERT_OK_AND_ASSIGN(
      const JournalEntry entry,
      world.NewJournal().Reserve(
          {.request_name = "pvc-1", .name_prefix = "prefix-", .owner = "", .kms_id = ""},
          std::nullopt));
  EXPECT_THAT(
      world.ceph.Objects().at("csi.volume." + entry.uuid),
      ElementsAre(Pair("csi.imagename", "prefix-" + entry.uuid), Pair("csi.volname", "pvc-1")));
  EXPECT_EQ(entry.image_name, "prefix-" + entry.uuid);
}

TEST(JournalTest, InstancesHaveDirectoriesOfTheirOwn) {
  JournalWorld world;
  Journal other(world.connection(), world.pool(), world.pool(), "second");
  ASSERT_THAT(world.Create("pvc-1"), IsOk());
  EXPECT_THAT(other.FindByName("pvc-1"), IsOkAndHolds(Eq(std::nullopt)));
  ASSERT_THAT(other.Reserve(ReservationOf("pvc-1"), std::nullopt), IsOk());
  EXPECT_THAT(world.ceph.Objects(), Contains(Key("csi.volumes.second")));
}

TEST(JournalTest, FindByUuidGivesDefaultsWhereNothingIs) {
  JournalWorld world;
  ASSERT_OK_AND_ASSIGN(const JournalEntry entry, world.NewJournal().FindByUuid(kUuid));
  EXPECT_EQ(entry.state, JournalState::kAbsent);
  EXPECT_EQ(entry.uuid, kUuid);
  EXPECT_EQ(entry.image_name, Cat("csi-vol-", kUuid));
  EXPECT_EQ(entry.request_name, "");
}

TEST(JournalTest, ReadsEmptyAndMissingEncryptionTypeAsTheyAre) {
  JournalWorld world;
  world.Load({{kObject, {{"csi.volname", "pvc-1"}, {"csi.volume.encryptKMS", "vault"}}}});
  ASSERT_OK_AND_ASSIGN(JournalEntry entry, world.NewJournal().FindByUuid(kUuid));
  EXPECT_EQ(entry.kms_id, "vault");
  EXPECT_EQ(entry.encryption_type, "");
  EXPECT_EQ(entry.image_name, Cat("csi-vol-", kUuid));
  world.Load({{kObject, {{"csi.volume.encryptionType", "file"}}}});
  ASSERT_OK_AND_ASSIGN(entry, world.NewJournal().FindByUuid(kUuid));
  EXPECT_EQ(entry.encryption_type, "file");
}

TEST(JournalTest, ObjectOfAnotherNameIsAnErrorAndStays) {
  JournalWorld world;
  const Objects objects{{kDirectory, {{kKey, kUuid}}}, {kObject, {{"csi.volname", "pvc-2"}}}};
  world.Load(objects);
  EXPECT_THAT(world.NewJournal().FindByName("pvc-1"),
              StatusIs(Code::kInternal, AllOf(HasSubstr("pvc-1"), HasSubstr("pvc-2"))));
  EXPECT_EQ(world.ceph.Objects(), objects);
}

TEST(JournalTest, ValuesThatNobodyWritesAreErrorsAndStay) {
  for (const char* value :
       {"", "x", "455ab52d-aa8e-4721-8d7c-06caa3ab21b", "1/455ab52d-aa8e-4721-8d7c-06caa3ab21b9",
        "000000000000000g/455ab52d-aa8e-4721-8d7c-06caa3ab21b9",
        "0000000000000001-455ab52d-aa8e-4721-8d7c-06caa3ab21b9",
        "0000000000000001/455ab52d-aa8e-4721-8d7c-06caa3ab21bz"}) {
    JournalWorld world;
    const Objects objects{{kDirectory, {{kKey, value}}}};
    world.Load(objects);
    EXPECT_THAT(world.NewJournal().FindByName("pvc-1"), StatusIs(Code::kInternal, HasSubstr(kKey)))
        << value;
    EXPECT_EQ(world.ceph.Objects(), objects);
  }
  JournalWorld world;
  world.Load({{kObject, {{"csi.volname", "pvc-1"}, {"csi.journalpool", "2"}}}});
  EXPECT_THAT(world.NewJournal().FindByUuid(kUuid),
              StatusIs(Code::kInternal, HasSubstr("csi.journalpool")));
}

TEST(JournalTest, AnUnreachableClusterIsNoAnswer) {
  JournalWorld world;
  ASSERT_OK_AND_ASSIGN(const JournalEntry entry, world.Create("pvc-1"));
  Journal journal = world.NewJournal();
  world.ceph.SetDown(true);
  EXPECT_THAT(journal.FindByName("pvc-1"), StatusIs(Code::kUnavailable));
  EXPECT_THAT(journal.FindByUuid(entry.uuid), StatusIs(Code::kUnavailable));
  EXPECT_THAT(journal.Reserve(ReservationOf("pvc-2"), std::nullopt), StatusIs(Code::kUnavailable));
  EXPECT_THAT(journal.StoreImageId(entry, "1"), StatusIs(Code::kUnavailable));
  EXPECT_THAT(Undo(journal, entry), StatusIs(Code::kUnavailable));
}

TEST(JournalTest, SeparateJournalPoolUsesTheLongForm) {
  JournalWorld world;
  Journal journal = world.NewJournal(JournalWorld::JournalIn::kOtherPool);
  ASSERT_OK_AND_ASSIGN(const JournalEntry made,
                       journal.Reserve(ReservationOf("pvc-1"), std::nullopt));
  EXPECT_EQ(world.ceph.Objects(2),
            (Objects{{kDirectory, {{kKey, "0000000000000001/" + made.uuid}}}}));
  EXPECT_THAT(world.ceph.Objects(1).at("csi.volume." + made.uuid),
              Contains(Pair("csi.journalpool", "0000000000000002")));
  ASSERT_OK_AND_ASSIGN(const auto found, journal.FindByName("pvc-1"));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->uuid, made.uuid);
  EXPECT_EQ(found->journal_pool_id, 2);
  ASSERT_THAT(Undo(journal, *found), IsOk());
  EXPECT_THAT(world.ceph.Objects(1), IsEmpty());
  EXPECT_EQ(world.ceph.Objects(2), (Objects{{kDirectory, {}}}));
}

TEST(JournalTest, LongFormOfTheSamePoolIsUnderstood) {
  JournalWorld world;
  world.Load({{kDirectory, {{kKey, Cat("0000000000000001/", kUuid)}}}});
  Journal journal = world.NewJournal();
  ASSERT_OK_AND_ASSIGN(const auto found, journal.FindByName("pvc-1"));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->uuid, kUuid);
  ASSERT_OK_AND_ASSIGN(const JournalEntry entry, journal.Reserve(ReservationOf("pvc-1"), found));
  ASSERT_THAT(Undo(journal, entry), IsOk());
  EXPECT_EQ(world.ceph.Objects(), (Objects{{kDirectory, {}}}));
}

TEST(JournalTest, NameOfAVolumeInAnotherPoolIsTaken) {
  JournalWorld world;
  const Objects objects{{kDirectory, {{kKey, Cat("0000000000000002/", kUuid)}}}};
  world.Load(objects);
  EXPECT_THAT(world.NewJournal().FindByName("pvc-1"),
              StatusIs(Code::kAlreadyExists, AllOf(HasSubstr("other"), HasSubstr("rbd"))));
  EXPECT_EQ(world.ceph.Objects(), objects);
}

TEST(JournalTest, ShortFormMeansTheJournalPool) {
  JournalWorld world;
  world.Load({{kDirectory, {{kKey, kUuid}}}}, 2);
  EXPECT_THAT(world.NewJournal(JournalWorld::JournalIn::kOtherPool).FindByName("pvc-1"),
              StatusIs(Code::kAlreadyExists));
}

TEST(JournalTest, NameOfAVolumeInAPoolThatIsGoneIsGivenUp) {
  JournalWorld world;
  world.Load({{kDirectory, {{kKey, Cat("0000000000000063/", kUuid)}}}});
  Journal journal = world.NewJournal();
  EXPECT_THAT(journal.FindByName("pvc-1"), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_EQ(world.ceph.Objects(), (Objects{{kDirectory, {}}}));
  EXPECT_THAT(journal.Reserve(ReservationOf("pvc-1"), std::nullopt), IsOk());
}

// The states of ceph-csi-compat 2.6, one test each.

TEST(CephCsiCrashTest, OrphanObjectWithoutKeyIsLeftAlone) {
  JournalWorld world;
  world.Load({{kObject, {}}});
  ASSERT_OK_AND_ASSIGN(const JournalEntry entry, world.Create("pvc-1"));
  EXPECT_NE(entry.uuid, kUuid);
  EXPECT_THAT(world.ceph.Objects(), Contains(Pair(kObject, IsEmpty())));
}

TEST(CephCsiCrashTest, KeyToObjectWithoutNameIsCompletedUnderItsUuid) {
  JournalWorld world;
  world.Load({{kDirectory, {{kKey, kUuid}}}, {kObject, {}}});
  Journal journal = world.NewJournal();
  ASSERT_OK_AND_ASSIGN(const auto found, journal.FindByName("pvc-1"));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->state, JournalState::kReservedOnly);
  EXPECT_EQ(found->request_name, "pvc-1");
  ASSERT_OK_AND_ASSIGN(const JournalEntry entry, journal.Reserve(ReservationOf("pvc-1"), found));
  EXPECT_EQ(entry.uuid, kUuid);
  world.ExpectExactlyOne("pvc-1", entry);
}

TEST(CephCsiCrashTest, KeyToMissingObjectIsCompletedUnderItsUuid) {
  JournalWorld world;
  world.Load({{kDirectory, {{kKey, kUuid}}}});
  ASSERT_OK_AND_ASSIGN(const auto found, world.NewJournal().FindByName("pvc-1"));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->state, JournalState::kReservedOnly);
  ASSERT_OK_AND_ASSIGN(const JournalEntry entry, world.Create("pvc-1"));
  EXPECT_EQ(entry.uuid, kUuid);
  world.ExpectExactlyOne("pvc-1", entry);
}

TEST(CephCsiCrashTest, ReservationWithoutImageIsFoundWhole) {
  JournalWorld world;
  Objects objects = Recorded();
  objects[kObject].erase("csi.imageid");
  world.Load(objects);
  Journal journal = world.NewJournal();
  ASSERT_OK_AND_ASSIGN(const auto found, journal.FindByName("v-default"));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->state, JournalState::kReserved);
  EXPECT_EQ(found->image_id, "");
  ASSERT_THAT(journal.StoreImageId(*found, "101c66a70dbc"), IsOk());
  EXPECT_EQ(world.ceph.Objects(), Recorded());
}

TEST(CephCsiCrashTest, ObjectOfAnImageIdAloneKeepsItAndTheDefaultImageName) {
  JournalWorld world;
  world.Load({{kDirectory, {{kKey, kUuid}}}, {kObject, {{"csi.imageid", "101c"}}}});
  Journal journal = world.NewJournal();
  ASSERT_OK_AND_ASSIGN(const auto found, journal.FindByName("pvc-1"));
  ASSERT_OK_AND_ASSIGN(
      const JournalEntry entry,
      journal.Reserve(
          {.request_name = "pvc-1", .name_prefix = "prefix-", .owner = "", .kms_id = ""}, found));
  EXPECT_EQ(entry.image_name, Cat("csi-vol-", kUuid));
  EXPECT_EQ(entry.image_id, "101c");
  EXPECT_THAT(world.ceph.Objects().at(kObject), Contains(Pair("csi.imageid", "101c")));
}

TEST(CephCsiCrashTest, HalfDoneReservationOfAnotherKeyManagerIsNotTakenOver) {
  JournalWorld world;
  const Objects objects{{kDirectory, {{kKey, kUuid}}},
                        {kObject, {{"csi.volume.encryptKMS", "vault"}}}};
  world.Load(objects);
  Journal journal = world.NewJournal();
  ASSERT_OK_AND_ASSIGN(const auto found, journal.FindByName("pvc-1"));
  EXPECT_THAT(journal.Reserve(ReservationOf("pvc-1"), found),
              StatusIs(Code::kAlreadyExists, HasSubstr("vault")));
  EXPECT_EQ(world.ceph.Objects(), objects);
}

TEST(JournalTest, StoreImageIdNeverMakesAnObject) {
  JournalWorld world;
  ASSERT_OK_AND_ASSIGN(const JournalEntry entry, world.Create("pvc-1"));
  Journal journal = world.NewJournal();
  ASSERT_THAT(Undo(journal, entry), IsOk());
  EXPECT_THAT(journal.StoreImageId(entry, "101c"), StatusIs(Code::kAborted, HasSubstr("pvc-1")));
  EXPECT_EQ(world.ceph.Objects(), (Objects{{kDirectory, {}}}));
}

TEST(JournalTest, UndoTakesAllAndCanBeRepeated) {
  JournalWorld world;
  ASSERT_OK_AND_ASSIGN(const JournalEntry entry, world.Create("pvc-1"));
  ASSERT_OK_AND_ASSIGN(const JournalEntry other, world.Create("pvc-2"));
  Journal journal = world.NewJournal();
  EXPECT_THAT(Undo(journal, entry), IsOk());
  world.ExpectExactlyOne("pvc-2", other);
  EXPECT_THAT(Undo(journal, entry), IsOk());
  world.ExpectExactlyOne("pvc-2", other);
}

TEST(JournalTest, UndoRemovesDirectoryKeyFirst) {
  JournalWorld world;
  ASSERT_OK_AND_ASSIGN(const JournalEntry entry, world.Create("pvc-1"));
  world.ceph.ClearEffects();
  ASSERT_THAT(Undo(world.NewJournal(), entry), IsOk());
  EXPECT_THAT(world.ceph.effects(), ElementsAre("omap.unset csi.volumes.default csi.volume.pvc-1",
                                                "omap.remove csi.volume." + entry.uuid));
}

TEST(JournalTest, UndoLeavesANameThatWasTakenAnew) {
  JournalWorld world;
  ASSERT_OK_AND_ASSIGN(const JournalEntry old, world.Create("pvc-1"));
  Journal journal = world.NewJournal();
  ASSERT_THAT(Undo(journal, old), IsOk());
  ASSERT_OK_AND_ASSIGN(const JournalEntry fresh, world.Create("pvc-1"));
  EXPECT_THAT(Undo(journal, old), IsOk());
  world.ExpectExactlyOne("pvc-1", fresh);
}

// ceph-csi removes a key "csi.volume." there, whomever it belongs to (ceph-csi-compat 2.4).
TEST(JournalTest, UndoWithoutNameTouchesNoKey) {
  JournalWorld world;
  world.Load({{kDirectory, {{"csi.volume.", kUuid}}}});
  Journal journal = world.NewJournal();
  ASSERT_OK_AND_ASSIGN(const JournalEntry entry, journal.FindByUuid(kUuid));
  EXPECT_THAT(Undo(journal, entry), IsOk());
  EXPECT_EQ(world.ceph.Objects(), (Objects{{kDirectory, {{"csi.volume.", kUuid}}}}));
}

}  // namespace
}  // namespace rbdcrypt::rbd
