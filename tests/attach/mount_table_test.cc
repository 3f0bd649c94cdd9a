// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/mount_table.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::SizeIs;

// proc(5), and what Linux 6.1 printed for a FUSE file and an over-mounted folder.
constexpr char kText[] =
    "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
    "60 27 0:39 / /run/with\\040blank\\134and\\011tab rw,nosuid - fuse /dev/fuse rw,user_id=0\n"
    "61 27 7:3 / /data rw,relatime shared:5 master:2 - ext4 /dev/loop3 rw\n"
    "62 61 7:4 /sub /data ro,relatime - ext4 /dev/loop4 rw\n"
    "63 27 7:3 / /other rw - ext4 /dev/loop3 ro\n"
    "not a mount\n";

TEST(MountTableTest, FieldsAreSplitWhateverTheNumberOfOptionalOnes) {
  const MountTable table = MountTable::Parse(kText);
  const auto entry = table.At("/mnt2");
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->device_number, "98:0");
  EXPECT_EQ(entry->root, "/mnt1");
  EXPECT_THAT(entry->options, ElementsAre("rw", "noatime"));
  EXPECT_EQ(entry->type, "ext3");
  EXPECT_EQ(entry->source, "/dev/root");
  EXPECT_THAT(entry->super_options, ElementsAre("rw", "errors=continue"));
}

TEST(MountTableTest, OctalEscapesAreRead) {
  EXPECT_TRUE(MountTable::Parse(kText).At("/run/with blank\\and\ttab").has_value());
}

TEST(MountTableTest, TopmostMountCounts) {
  const auto entry = MountTable::Parse(kText).At("/data");
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->source, "/dev/loop4");
}

TEST(MountTableTest, ReadOnlyIsTheMountOrItsFileSystem) {
  const MountTable table = MountTable::Parse(kText);
  EXPECT_TRUE(table.At("/data")->IsReadOnly());
  EXPECT_TRUE(table.At("/other")->IsReadOnly());
  EXPECT_FALSE(table.At("/mnt2")->IsReadOnly());
}

TEST(MountTableTest, MountsOfADeviceAreAllFound) {
  EXPECT_THAT(MountTable::Parse(kText).Of("/dev/loop3"), SizeIs(2));
  EXPECT_FALSE(MountTable::Parse(kText).At("/nowhere").has_value());
}

TEST(MountTableTest, LoadsThisMachinesOwn) {
  ASSERT_OK_AND_ASSIGN(const MountTable table, MountTable::Load());
  EXPECT_TRUE(table.At("/proc").has_value());
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
