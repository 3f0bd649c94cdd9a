// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/filesystem.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/fakes/fake_subprocess.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::FakeSubprocess;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kUsage[] = "Usage: mkfs.xfs\n/* metadata */ [-m crc=0|1,reflink=0|1]\n";

struct World {
  Context context = Context::Background();
  FakeSubprocess programs;
  Filesystem filesystem{programs};
};

TEST(FilesystemTest, Ext4IsMadeAsCephCsiMakesIt) {
  World world;
  world.programs.Answer("mkfs.ext4", {});
  EXPECT_THAT(
      world.filesystem.Make(world.context, {.type = "ext4", .device = "/dev/x", .options = {}}),
      IsOk());
  EXPECT_THAT(world.filesystem.Make(world.context, {.type = "", .device = "/dev/y", .options = {}}),
              IsOk());
  EXPECT_THAT(
      world.programs.CommandLines(),
      ElementsAre("mkfs.ext4 -m0 -Enodiscard,lazy_itable_init=1,lazy_journal_init=1 /dev/x",
                  "mkfs.ext4 -m0 -Enodiscard,lazy_itable_init=1,lazy_journal_init=1 /dev/y"));
}

TEST(FilesystemTest, XfsGetsReflinkOffOnlyIfMkfsKnowsIt) {
  World world;
  world.programs.AnswerOnce("mkfs.xfs", {.exit_code = 1, .standard_error = kUsage});
  world.programs.AnswerOnce("mkfs.xfs", {});
  world.programs.AnswerOnce("mkfs.xfs", {.exit_code = 1, .standard_error = "Usage: mkfs.xfs"});
  world.programs.AnswerOnce("mkfs.xfs", {});
  const FilesystemRequest request{.type = "xfs", .device = "/dev/x", .options = {}};
  EXPECT_THAT(world.filesystem.Make(world.context, request), IsOk());
  EXPECT_THAT(world.filesystem.Make(world.context, request), IsOk());
  EXPECT_THAT(world.programs.CommandLines(),
              ElementsAre("mkfs.xfs", "mkfs.xfs -K -m reflink=0 -f /dev/x", "mkfs.xfs",
                          "mkfs.xfs -K -f /dev/x"));
}

TEST(FilesystemTest, OptionsOfTheClassReplaceTheDefaults) {
  World world;
  world.programs.Answer("mkfs.ext4", {});
  EXPECT_THAT(world.filesystem.Make(world.context,
                                    {.type = "ext4", .device = "/dev/x", .options = "-b  1024 -q"}),
              IsOk());
  EXPECT_THAT(world.programs.CommandLines(), ElementsAre("mkfs.ext4 -b 1024 -q /dev/x"));
}

TEST(FilesystemTest, TypeThatIsNoFileSystemRunsNothing) {
  World world;
  for (const char* type : {"../../bin/sh", "EXT4", "ext4 -q"}) {
    EXPECT_THAT(
        world.filesystem.Make(world.context, {.type = type, .device = "/dev/x", .options = {}}),
        StatusIs(Code::kInvalidArgument, HasSubstr("fsType")));
  }
  EXPECT_THAT(world.programs.CommandLines(), IsEmpty());
}

TEST(FilesystemTest, MissingProgramNamesTheType) {
  World world;
  EXPECT_THAT(
      world.filesystem.Make(world.context, {.type = "f2fs", .device = "/dev/x", .options = {}}),
      StatusIs(Code::kInvalidArgument, HasSubstr("mkfs.f2fs is not installed")));
}

TEST(FilesystemTest, CheckTakesCorrectedErrorsAndRefusesThoseLeft) {
  const std::pair<int, Code> meanings[] = {
      {0, Code::kOk},       {1, Code::kOk},       {3, Code::kOk},
      {4, Code::kDataLoss}, {5, Code::kDataLoss}, {8, Code::kFailedPrecondition},
  };
  for (const auto& [exit_code, code] : meanings) {
    World world;
    world.programs.Answer("fsck.ext4", {.exit_code = exit_code, .standard_output = "said"});
    const Status status = world.filesystem.Check(world.context, "ext4", "/dev/x");
    EXPECT_EQ(status.code(), code) << exit_code;
    EXPECT_THAT(world.programs.CommandLines(), ElementsAre("fsck.ext4 -p /dev/x"));
  }
}

TEST(FilesystemTest, XfsIsNotChecked) {
  World world;
  EXPECT_THAT(world.filesystem.Check(world.context, "xfs", "/dev/x"), IsOk());
  EXPECT_THAT(world.programs.CommandLines(), IsEmpty());
}

TEST(FilesystemTest, GrowNamesDeviceOrMountPointByType) {
  World world;
  for (const char* program : {"resize2fs", "xfs_growfs", "btrfs"}) {
    world.programs.Answer(program, {});
  }
  for (const char* type : {"ext4", "xfs", "btrfs"}) {
    EXPECT_THAT(world.filesystem.Grow(world.context, type, "/dev/x", "/mnt"), IsOk());
  }
  EXPECT_THAT(world.programs.CommandLines(), ElementsAre("resize2fs /dev/x", "xfs_growfs -d /mnt",
                                                         "btrfs filesystem resize max /mnt"));
  EXPECT_THAT(world.filesystem.Grow(world.context, "vfat", "/dev/x", "/mnt"),
              StatusIs(Code::kUnimplemented));
}

TEST(FilesystemTest, GrowWithoutTheCapabilitySaysWhich) {
  World world;
  world.programs.Answer(
      "resize2fs",
      {.exit_code = 1, .standard_error = "resize2fs: Permission denied to resize filesystem"});
  EXPECT_THAT(world.filesystem.Grow(world.context, "ext4", "/dev/x", "/mnt"),
              StatusIs(Code::kPermissionDenied, HasSubstr("CAP_SYS_RESOURCE")));
}

TEST(FilesystemTest, ProbeFindsSignaturesAndTheirAbsence) {
  const TempDir folder;
  std::string content(std::size_t{4} << 20, '\0');
  ASSERT_OK_AND_ASSIGN(const auto blank, ProbeDevice(folder.Write("device", content)));
  EXPECT_TRUE(blank.IsBlank());

  // A swap area of version 1 with 2 pages: mkswap's header in the last bytes of the first page.
  std::string swap = content;
  swap.replace(4086, 10, "SWAPSPACE2");
  swap[1024] = 1;
  swap[1028] = 2;
  ASSERT_OK_AND_ASSIGN(const auto typed, ProbeDevice(folder.Write("device", swap)));
  EXPECT_EQ(typed.type, "swap");
  EXPECT_FALSE(typed.IsBlank());

  // A DOS label with one Linux partition of 100 sectors at sector 1.
  std::string table = content;
  table.replace(446, 16, std::string_view("\0\0\0\0\x83\0\0\0\1\0\0\0\x64\0\0\0", 16));
  table.replace(510, 2, "\x55\xaa");
  ASSERT_OK_AND_ASSIGN(const auto parted, ProbeDevice(folder.Write("device", table)));
  EXPECT_EQ(parted.partition_table, "dos");
  EXPECT_FALSE(parted.IsBlank());
}

TEST(FilesystemTest, ProbeThatCannotReadIsAnError) {
  const TempDir folder;
  EXPECT_THAT(ProbeDevice(folder.File("none")), StatusIs(Code::kNotFound));
  EXPECT_THAT(ProbeDevice(folder.path()), StatusIs(Code::kUnavailable));
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
