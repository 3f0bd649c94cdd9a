// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/snapshot_headers.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rbd/luks/header.h"
#include "tests/rbd/volume_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::Driver;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::VolumeWorld;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// An encrypted volume whose header gets other keys and is snapshot in between.
class SnapshotHeadersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    volume_ = *driver_->Create(VolumeWorld::Spec("store"));
    first_ = world_.store->CurrentForTest(volume_.volume_id);
  }

  void Snapshot(const std::string& name) { world_.ceph.TakeSnapshot(volume_.image_name, name); }

  // Gives the header to `to`, which alone opens it then.
  void Rekey(std::string_view from, std::string_view to) {
    const Context context = Context::Background();
    const auto image = Open();
    ASSERT_OK_AND_ASSIGN(auto header, luks::Header::Load(context, *image));
    ASSERT_OK_AND_ASSIGN(const int old_slot, header.TestPassphrase(context, Secret(from)));
    ASSERT_THAT(header.AddKeyslot(context, Secret(from), Secret(to)), IsOk());
    ASSERT_THAT(header.DropKeyslot(old_slot), IsOk());
    ASSERT_THAT(header.WriteBack(context, *image), IsOk());
  }

  std::unique_ptr<Image> Open() {
    return *world_.ceph.Admin().images().Open(volume_.image_name, OpenMode::kReadWrite);
  }

  Result<std::vector<std::string>> NotOpenedBy(std::string_view known,
                                               std::string_view other = "") {
    RbdSnapshotHeaders headers(world_.ceph.Admin().images(), volume_.image_name, [this] {
      ++lock_checks_;
      return lock_;
    });
    const Secret other_dek(other);
    return headers.NotOpenedBy(Context::Background(), Secret(known),
                               other.empty() ? nullptr : &other_dek);
  }

  VolumeWorld world_;
  std::unique_ptr<Driver> driver_ = world_.StartDriver("admin");
  CreatedVolume volume_;
  std::string first_;
  Status lock_;
  int lock_checks_ = 0;
};

TEST_F(SnapshotHeadersTest, ImageWithoutSnapshotsHasNone) {
  EXPECT_THAT(NotOpenedBy("whatever"), IsOkAndHolds(IsEmpty()));
}

TEST_F(SnapshotHeadersTest, EachSnapshotAnswersToTheKeyOfItsTime) {
  Snapshot("first");
  Snapshot("first-again");
  Rekey(first_, "second");
  Snapshot("second");
  Rekey("second", "third");
  Snapshot("third");
  EXPECT_THAT(NotOpenedBy("third", "second"), IsOkAndHolds(ElementsAre("second")));
  EXPECT_THAT(NotOpenedBy("second", first_), IsOkAndHolds(ElementsAre("first", "first-again")));
  EXPECT_THAT(NotOpenedBy("second"), IsOkAndHolds(ElementsAre("first", "first-again", "third")));
}

// Two headers that went different ways from one have the same sequence number.
TEST_F(SnapshotHeadersTest, HeadersOfTwoWaysAreToldApart) {
  Snapshot("start");
  Rekey(first_, "one way");
  Snapshot("one way");
  world_.ceph.RollBack(volume_.image_name, "start");
  Rekey(first_, "other way");
  Snapshot("other way");
  EXPECT_THAT(NotOpenedBy("other way", "one way"), IsOkAndHolds(ElementsAre("one way")));
  EXPECT_THAT(NotOpenedBy("one way", "other way"), IsOkAndHolds(ElementsAre("other way")));
}

TEST_F(SnapshotHeadersTest, SnapshotWithoutAHeaderNeedsNoKey) {
  ASSERT_THAT(Open()->Write(0, std::vector<std::byte>(32768)), IsOk());
  Snapshot("blank");
  EXPECT_THAT(NotOpenedBy(first_), IsOkAndHolds(IsEmpty()));
}

TEST_F(SnapshotHeadersTest, DamagedHeaderIsNamedWhereNoOtherKeyIsAskedFor) {
  ASSERT_THAT(Open()->Write(4096, std::vector<std::byte>(16384, std::byte{0x5a})), IsOk());
  Snapshot("damaged");
  EXPECT_THAT(NotOpenedBy(first_), IsOkAndHolds(ElementsAre("damaged")));
  EXPECT_THAT(NotOpenedBy("whatever", first_), IsOkAndHolds(IsEmpty()));
}

// Safety A4.
TEST_F(SnapshotHeadersTest, SnapshotThatCannotBeReadIsAnError) {
  Snapshot("first");
  world_.ceph.FailSnapshotReads(volume_.image_name);
  EXPECT_THAT(NotOpenedBy(first_), StatusIs(Code::kUnavailable, HasSubstr("snapshot first")));
}

TEST_F(SnapshotHeadersTest, LostLockEndsTheSearch) {
  Snapshot("first");
  Snapshot("second");
  EXPECT_THAT(NotOpenedBy(first_), IsOk());
  EXPECT_EQ(lock_checks_, 2);
  lock_ = Aborted("its lock was lost");
  EXPECT_THAT(NotOpenedBy(first_), StatusIs(Code::kAborted));
}

}  // namespace
}  // namespace rbdcrypt::rbd
