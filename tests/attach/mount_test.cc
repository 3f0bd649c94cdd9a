// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/mount.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(MountTest, OptionsAreSortedIntoFlagsAndData) {
  const MountOptions options = ParseMountOptions(
      {"noatime,_netdev", "defaults", "discard", "x-systemd.automount", "errors=remount-ro,nodev"});
  EXPECT_EQ(options.flags, static_cast<unsigned long>(MS_NOATIME | MS_NODEV));
  EXPECT_EQ(options.data, "discard,errors=remount-ro");
  EXPECT_FALSE(options.IsReadOnly());
}

TEST(MountTest, LastOfContradictingOptionsCounts) {
  EXPECT_TRUE(ParseMountOptions({"rw", "ro"}).IsReadOnly());
  EXPECT_FALSE(ParseMountOptions({"ro,rw"}).IsReadOnly());
  EXPECT_EQ(ParseMountOptions({"noexec,exec"}).flags, 0UL);
}

TEST(MountTest, NothingGivesNothing) {
  const MountOptions options = ParseMountOptions({"", ",", " "});
  EXPECT_EQ(options.flags, 0UL);
  EXPECT_EQ(options.data, "");
}

// Safety E1.
TEST(MountTest, OptionsThatAreRejectedAreCountedAndNotRepeated) {
  if (getuid() != 0) {
    GTEST_SKIP() << "needs root to mount";
  }
  const TempDir folder;
  const MountOptions options = ParseMountOptions({"noatime", "size=1m,password=hunter2"});
  EXPECT_THAT(MountDevice("none", folder.path(), "tmpfs", options),
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr(folder.path()), HasSubstr("tmpfs"), HasSubstr("2 own"),
                             Not(HasSubstr("hunter2")), Not(HasSubstr("size")))));
}

TEST(MountTest, UnmountOfWhatIsNotMountedIsOk) {
  const TempDir folder;
  EXPECT_THAT(Unmount(folder.File("none")), IsOk());
}

TEST(MountTest, MountPointIsFoundThroughSymbolicLinks) {
  const TempDir folder;
  std::filesystem::create_directory_symlink("/", folder.File("root"));
  EXPECT_THAT(IsMountPoint(folder.File("root") + "/proc"), IsOkAndHolds(true));
  EXPECT_THAT(IsMountPoint(folder.path()), IsOkAndHolds(false));
  EXPECT_THAT(IsMountPoint(folder.File("none/below")), IsOkAndHolds(false));
}

TEST(MountTest, UsageAddsUp) {
  const TempDir folder;
  ASSERT_OK_AND_ASSIGN(const VolumeUsage usage, MeasureUsage(folder.path()));
  EXPECT_GT(usage.total_bytes, 0U);
  EXPECT_LE(usage.used_bytes, usage.total_bytes);
  EXPECT_LE(usage.available_bytes, usage.total_bytes - usage.used_bytes);
  EXPECT_THAT(MeasureUsage(folder.File("none")), StatusIs(Code::kNotFound));
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
