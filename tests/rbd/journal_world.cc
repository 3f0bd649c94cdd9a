// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/rbd/journal_world.h"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crash_point.h"
#include "base/strings.h"

namespace rbdcrypt::testing {

rbd::Reservation ReservationOf(const std::string& request_name) {
  return {
      .request_name = request_name, .name_prefix = "", .owner = "tenant-a", .kms_id = "vault-kv2"};
}

JournalWorld::JournalWorld() {
  ceph.AddPool("other", 2);
  process = ceph.StartProcess();
  Connect();
}

void JournalWorld::Connect() {
  connection_ = *process->Shared({}, {.user = "csi", .key = Secret()});
  pool_ = *connection_->OpenPool("rbd", "");
  other_pool_ = *connection_->OpenPool("other", "");
}

void JournalWorld::Load(const Objects& objects, std::int64_t pool_id) {
  for (const auto& [object, values] : objects) {
    RBDCRYPT_CHECK(ceph.Admin(pool_id).omap().Set(object, values).ok());
  }
}

rbd::Journal JournalWorld::NewJournal(JournalIn where) {
  return {*connection_, where == JournalIn::kSamePool ? *pool_ : *other_pool_, *pool_, "default"};
}

Result<rbd::JournalEntry> JournalWorld::Create(const std::string& request_name) {
  rbd::Journal journal = NewJournal();
  ASSIGN_OR_RETURN(const auto found, journal.FindByName(request_name));
  ASSIGN_OR_RETURN(rbd::JournalEntry entry, journal.Reserve(ReservationOf(request_name), found));
  RETURN_IF_ERROR(journal.StoreImageId(entry, "101c66a70dbc"));
  return entry;
}

Status JournalWorld::Delete(const std::string& uuid) {
  rbd::Journal journal = NewJournal();
  ASSIGN_OR_RETURN(const rbd::JournalEntry entry, journal.FindByUuid(uuid));
  return Undo(journal, entry);
}

void JournalWorld::Restart() {
  process->Revive();
  Connect();
}

void JournalWorld::ExpectExactlyOne(const std::string& request_name,
                                    const rbd::JournalEntry& entry) const {
  const Objects objects = ceph.Objects();
  const std::string object = Cat("csi.volume.", entry.uuid);
  ASSERT_THAT(objects, ::testing::UnorderedElementsAre(::testing::Key("csi.volumes.default"),
                                                       ::testing::Key(object)));
  EXPECT_EQ(objects.at("csi.volumes.default"),
            (rbd::OmapValues{{Cat("csi.volume.", request_name), entry.uuid}}));
  const rbd::OmapValues& values = objects.at(object);
  EXPECT_EQ(values.at("csi.volname"), request_name);
  EXPECT_EQ(values.at("csi.imagename"), entry.image_name);
  EXPECT_EQ(values.at("csi.volume.encryptKMS"), entry.kms_id);
}

}  // namespace rbdcrypt::testing
