// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/secret_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::k8s {
namespace {

using ::testing::HasSubstr;
using testing::StatusIs;
using testing::TempDir;

TEST(SecretFileTest, ContentIsReadWholeUpToTheLimit) {
  const TempDir folder;
  ASSERT_OK_AND_ASSIGN(const Secret content, ReadSecretFile(folder.Write("f", "12345"), 5));
  EXPECT_EQ(content.RevealText(), "12345");
  ASSERT_OK_AND_ASSIGN(const Secret nothing, ReadSecretFile(folder.Write("e", ""), 5));
  EXPECT_TRUE(nothing.empty());
}

TEST(SecretFileTest, ALongerFileIsRefusedByName) {
  const TempDir folder;
  EXPECT_THAT(ReadSecretFile(folder.Write("f", "123456"), 5),
              StatusIs(Code::kInvalidArgument, HasSubstr(folder.File("f"))));
}

TEST(SecretFileTest, WhatIsNotThereMayStillCome) {
  const TempDir folder;
  EXPECT_THAT(ReadSecretFile(folder.File("absent"), 5),
              StatusIs(Code::kUnavailable, HasSubstr(folder.File("absent"))));
}

TEST(SecretFileTest, AFolderIsNoFile) {
  const TempDir folder;
  EXPECT_THAT(ReadSecretFile(folder.path(), 5), StatusIs(Code::kInvalidArgument));
}

}  // namespace
}  // namespace rbdcrypt::k8s
