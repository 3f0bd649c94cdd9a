// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/support/temp_dir.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

namespace rbdcrypt::testing {
namespace {

TEST(TempDirTest, IsNewEmptyAndGoneAfterwards) {
  std::string path;
  {
    const TempDir dir;
    const TempDir other;
    path = dir.path();
    EXPECT_NE(path, other.path());
    EXPECT_TRUE(std::filesystem::is_empty(path));
    dir.Write("a/b", "content");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TempDirTest, ReadsBackWhatWasWritten) {
  const TempDir dir;
  EXPECT_EQ(dir.Write("file", "long content"), dir.File("file"));
  dir.Write("file", "short");
  EXPECT_EQ(dir.Read("file"), "short");
  EXPECT_EQ(dir.Read("absent"), "");
}

}  // namespace
}  // namespace rbdcrypt::testing
