// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/small_file.h"

#include <cerrno>

#include <gtest/gtest.h>

#include "tests/attach/no_more_files.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::rbdcrypt::testing::WithoutFiles;
using ::testing::Eq;
using ::testing::Optional;

TEST(SmallFileTest, FirstLineIsWithoutItsEnd) {
  const TempDir folder;
  EXPECT_THAT(ReadFirstLine(folder.Write("file", "rbd\nmore\n")),
              IsOkAndHolds(Optional(Eq("rbd"))));
  EXPECT_THAT(ReadFirstLine(folder.Write("file", "rbd")), IsOkAndHolds(Optional(Eq("rbd"))));
  EXPECT_THAT(ReadFirstLine(folder.Write("file", "")), IsOkAndHolds(Optional(Eq(""))));
}

// Safety A4.
TEST(SmallFileTest, OnlyAFileThatIsNotThereIsAbsent) {
  const TempDir folder;
  const std::string file = folder.Write("file", "rbd");
  EXPECT_THAT(ReadFirstLine(folder.File("none")), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_THAT(ReadIfThere(folder.File("none")), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_THAT(WithoutFiles([&] { return ReadFirstLine(file); }), StatusIs(Code::kUnavailable));
  EXPECT_THAT(WithoutFiles([&] { return ReadIfThere(file); }), StatusIs(Code::kUnavailable));
  EXPECT_THAT(WithoutFiles([&] { return ReadFile(file); }), StatusIs(Code::kUnavailable));
  EXPECT_THAT(WithoutFiles([&] { return ListFolder(folder.path()); }),
              StatusIs(Code::kUnavailable));
}

TEST(SmallFileTest, WholeFileIsReadAndAbsenceIsNotFound) {
  const TempDir folder;
  EXPECT_THAT(ReadFile(folder.Write("file", std::string("a\0b\n", 4))),
              IsOkAndHolds(std::string("a\0b\n", 4)));
  EXPECT_THAT(ReadFile(folder.File("none")), StatusIs(Code::kNotFound));
}

TEST(SmallFileTest, ReadThatFailsIsAnErrorAndNoException) {
  const TempDir folder;
  EXPECT_THAT(ReadFile(folder.path()), StatusIs(Code::kUnavailable));
  EXPECT_THAT(ReadFirstLine(folder.path()), StatusIs(Code::kUnavailable));
}

TEST(SmallFileTest, NamesOfAFolderAreSorted) {
  const TempDir folder;
  folder.Write("b", "");
  folder.Write("a/c", "");
  EXPECT_THAT(ListFolder(folder.path()), IsOkAndHolds(::testing::ElementsAre("a", "b")));
  EXPECT_THAT(ListFolder(folder.File("none")), StatusIs(Code::kNotFound));
}

TEST(SmallFileTest, KernelFileIsNeverCreated) {
  const TempDir folder;
  EXPECT_EQ(WriteKernelFile(folder.File("none"), "1"), ENOENT);
  EXPECT_EQ(WriteKernelFile(folder.Write("file", ""), "1"), 0);
  EXPECT_EQ(folder.Read("file"), "1");
}

TEST(SmallFileTest, ReplaceLeavesNoTemporary) {
  const TempDir folder;
  const std::string path = folder.Write("file", "old");
  ASSERT_THAT(ReplaceFile(path, "new"), IsOk());
  EXPECT_EQ(folder.Read("file"), "new");
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
  EXPECT_THAT(ReplaceFile(folder.File("none/file"), "x"), StatusIs(Code::kNotFound));
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
