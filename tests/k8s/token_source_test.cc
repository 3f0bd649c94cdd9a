// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/token_source.h"

#include <filesystem>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::k8s {
namespace {

using testing::FakeClock;
using ::testing::HasSubstr;
using testing::StatusIs;
using testing::TempDir;

std::string TextOf(TokenSource& source) {
  const Result<Secret> token = source.Token();
  return token.ok() ? std::string(token->RevealText()) : CodeName(token.status().code());
}

class FileTokenTest : public ::testing::Test {
 protected:
  // Replaces the content and leaves inode, size and times alone, as far as a stat can see.
  void ReplaceUnseen(std::string_view content) {
    struct stat before = {};
    ASSERT_EQ(::stat(path_.c_str(), &before), 0);
    folder_.Write("token", content);
    const timespec times[] = {before.st_atim, before.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, path_.c_str(), times, 0), 0);
  }

  TempDir folder_;
  FakeClock clock_;
  std::string path_ = folder_.Write("token", "first\n");
  FileToken source_{path_, clock_};
};

TEST(StaticTokenTest, StaysTheSame) {
  StaticToken source{Secret("t")};
  EXPECT_EQ(TextOf(source), "t");
  EXPECT_FALSE(source.Renew(Secret("t")));
}

TEST_F(FileTokenTest, WhiteSpaceAroundATokenIsNotPartOfIt) {
  EXPECT_EQ(TextOf(source_), "first");
}

TEST_F(FileTokenTest, AnUnchangedFileIsReadAgainAfterAMinute) {
  EXPECT_EQ(TextOf(source_), "first");
  ReplaceUnseen("other\n");
  EXPECT_EQ(TextOf(source_), "first");
  clock_.Advance(std::chrono::seconds(60));
  EXPECT_EQ(TextOf(source_), "other");
}

TEST_F(FileTokenTest, ASuccessorBehindTheSameLinkIsSeenAtOnce) {
  // As the kubelet does: a link is switched to a folder with the new files.
  const std::string link = folder_.File("..data");
  folder_.Write("one/token", "11111");
  folder_.Write("two/token", "22222");
  std::filesystem::create_directory_symlink("one", link);
  FileToken source(link + "/token", clock_);
  EXPECT_EQ(TextOf(source), "11111");
  std::filesystem::create_directory_symlink("two", folder_.File("next"));
  std::filesystem::rename(folder_.File("next"), link);
  EXPECT_EQ(TextOf(source), "22222");
}

TEST_F(FileTokenTest, TheLastTokenServesWhileTheFileIsAway) {
  EXPECT_EQ(TextOf(source_), "first");
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  EXPECT_EQ(TextOf(source_), "first");
  folder_.Write("token", "");
  EXPECT_EQ(TextOf(source_), "first");
  folder_.Write("token", "second");
  EXPECT_EQ(TextOf(source_), "second");
}

TEST_F(FileTokenTest, WithoutAnyTokenThereIsAnErrorThatNamesTheFile) {
  FileToken absent(folder_.File("absent"), clock_);
  EXPECT_THAT(absent.Token(), StatusIs(Code::kUnavailable, HasSubstr("absent")));
  FileToken empty(folder_.Write("empty", "\n"), clock_);
  EXPECT_THAT(empty.Token(), StatusIs(Code::kUnavailable, HasSubstr("empty")));
}

TEST_F(FileTokenTest, WhatCouldEndAHeaderIsNoToken) {
  FileToken source(folder_.Write("two-lines", "private\nX-Evil: 1"), clock_);
  const Result<Secret> token = source.Token();
  EXPECT_THAT(token, StatusIs(Code::kInvalidArgument, HasSubstr("two-lines")));
  EXPECT_EQ(Message(token.status()).find("private"), std::string::npos);
}

TEST_F(FileTokenTest, RenewFindsAnUnseenSuccessor) {
  EXPECT_EQ(TextOf(source_), "first");
  EXPECT_FALSE(source_.Renew(Secret("first")));
  ReplaceUnseen("other\n");
  EXPECT_TRUE(source_.Renew(Secret("first")));
  EXPECT_EQ(TextOf(source_), "other");
}

TEST_F(FileTokenTest, RenewKnowsWhatAnotherCallerRenewedBefore) {
  folder_.Write("token", "second");
  EXPECT_EQ(TextOf(source_), "second");
  EXPECT_TRUE(source_.Renew(Secret("first")));
}

}  // namespace
}  // namespace rbdcrypt::k8s
