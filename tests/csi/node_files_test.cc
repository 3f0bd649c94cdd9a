// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/node_files.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::csi {
namespace {

using rbdcrypt::testing::IsOk;
using rbdcrypt::testing::IsOkAndHolds;
using rbdcrypt::testing::StatusIs;
using rbdcrypt::testing::TempDir;
using ::testing::HasSubstr;

unsigned ModeOf(const std::string& path) {
  struct stat info {};

  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777U : 0U;
}

TEST(NodeFilesTest, MountPointsHaveCephCsisModesAndAreMadeOnce) {
  const TempDir dir;
  const std::string directory = dir.File("d");
  const std::string file = dir.File("f");
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(MakeMountDirectory(directory), IsOk());
    EXPECT_THAT(MakeMountFile(file), IsOk());
  }
  EXPECT_EQ(ModeOf(directory) & 0750U, ModeOf(directory));
  EXPECT_EQ(ModeOf(file), 0600U);
  EXPECT_THAT(KindOf(directory), IsOkAndHolds(PathKind::kDirectory));
  EXPECT_THAT(KindOf(file), IsOkAndHolds(PathKind::kFile));
}

TEST(NodeFilesTest, SomethingElseInThePlaceIsRefused) {
  const TempDir dir;
  const std::string file = dir.Write("f", "");
  const std::string directory = dir.File("d");
  std::filesystem::create_directory(directory);
  const std::string link = dir.File("l");
  std::filesystem::create_symlink(directory, link);
  EXPECT_THAT(MakeMountDirectory(file), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(MakeMountFile(directory), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(MakeMountDirectory(link), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(KindOf(link), IsOkAndHolds(PathKind::kOther));
}

TEST(NodeFilesTest, RemovingNeverThrowsContentAway) {
  const TempDir dir;
  dir.Write("d/data", "precious");
  EXPECT_THAT(RemoveMountPoint(dir.File("d")),
              StatusIs(Code::kFailedPrecondition, HasSubstr("content")));
  EXPECT_EQ(dir.Read("d/data"), "precious");

  std::filesystem::remove(dir.File("d/data"));
  EXPECT_THAT(RemoveMountPoint(dir.File("d")), IsOk());
  EXPECT_THAT(RemoveMountPoint(dir.File("d")), IsOk());
  EXPECT_THAT(KindOf(dir.File("d")), IsOkAndHolds(PathKind::kAbsent));
}

TEST(NodeFilesTest, WriteReplacesAsAWhole) {
  const TempDir dir;
  ASSERT_THAT(WriteFileDurably(dir.File("r"), "one"), IsOk());
  ASSERT_THAT(WriteFileDurably(dir.File("r"), "two"), IsOk());
  EXPECT_THAT(ReadSmallFile(dir.File("r"), 3), IsOkAndHolds(std::string("two")));
  EXPECT_THAT(ReadSmallFile(dir.File("r"), 2), StatusIs(Code::kDataLoss));
  EXPECT_THAT(ReadSmallFile(dir.File("none"), 2), StatusIs(Code::kNotFound));
  EXPECT_THAT(RemoveFile(dir.File("r")), IsOk());
  EXPECT_THAT(RemoveFile(dir.File("r")), IsOk());
}

TEST(NodeFilesTest, ResolvesFoldersButNotTheLastStep) {
  const TempDir dir;
  std::filesystem::create_directory(dir.File("real"));
  std::filesystem::create_directory_symlink(dir.File("real"), dir.File("link"));
  std::filesystem::create_symlink(dir.File("real"), dir.File("real/last"));
  EXPECT_THAT(ResolvedPath(dir.File("link/last")), IsOkAndHolds(dir.File("real/last")));
  EXPECT_THAT(ResolvedPath(dir.File("link/last//")), IsOkAndHolds(dir.File("real/last")));
  EXPECT_THAT(ResolvedPath(dir.File("none/x")), IsOkAndHolds(dir.File("none/x")));
  EXPECT_THAT(ResolvedPath("/"), IsOkAndHolds(std::string("/")));
  EXPECT_THAT(ResolvedPath("/x"), IsOkAndHolds(std::string("/x")));
}

TEST(NodeFilesTest, ParentOfEveryForm) {
  EXPECT_EQ(ParentOf("/a/b"), "/a");
  EXPECT_EQ(ParentOf("/a"), "/");
  EXPECT_EQ(ParentOf("a"), ".");
}

}  // namespace
}  // namespace rbdcrypt::csi
