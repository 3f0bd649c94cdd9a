// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/secret_file.h"

#include <fstream>
#include <iterator>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/crypto.h>

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

// Takes all locked memory but a block of so many bytes.
std::vector<Secret> TakeLockedMemory(std::size_t but_bytes) {
  std::vector<Secret> taken;
  while (true) {
    Secret block(but_bytes);
    if (CRYPTO_secure_allocated(block.Reveal().data()) == 0) {
      taken.pop_back();
      return taken;
    }
    taken.push_back(std::move(block));
  }
}

TEST(SecretFileTest, ASmallFileTakesLittleLockedMemoryHoweverLargeItMightBe) {
  InitSecretHeap();
  const TempDir folder;
  const std::string path = folder.Write("f", "token");
  const std::vector<Secret> taken = TakeLockedMemory(16 << 10);
  ASSERT_THAT(taken, ::testing::Not(::testing::IsEmpty()));
  const std::size_t before = CRYPTO_secure_used();
  ASSERT_OK_AND_ASSIGN(const Secret content, ReadSecretFile(path, 1 << 20));
  EXPECT_EQ(CRYPTO_secure_allocated(content.Reveal().data()), 1);
  EXPECT_LE(CRYPTO_secure_used(), before + 64);
}

TEST(SecretFileTest, AFileWithoutASizeIsReadWhole) {
  // /proc says 0 of all of its files.
  std::ifstream file("/proc/self/status");
  const std::string expected{std::istreambuf_iterator<char>(file), {}};
  ASSERT_GT(expected.size(), 1000U);
  ASSERT_OK_AND_ASSIGN(const Secret content, ReadSecretFile("/proc/self/status", 1 << 20));
  EXPECT_THAT(content.RevealText(), ::testing::StartsWith(expected.substr(0, 10)));
  EXPECT_GT(content.size(), 1000U);
  EXPECT_THAT(ReadSecretFile("/proc/self/status", 600), StatusIs(Code::kInvalidArgument));
}

TEST(SecretFileTest, AFolderIsNoFile) {
  const TempDir folder;
  EXPECT_THAT(ReadSecretFile(folder.path(), 5), StatusIs(Code::kInvalidArgument));
}

}  // namespace
}  // namespace rbdcrypt::k8s
