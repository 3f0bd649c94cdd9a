// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/local_ring_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::kms {
namespace {

using testing::IsOk;
using testing::StatusIs;
using testing::TempDir;

constexpr std::chrono::system_clock::time_point kNow =
    std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);

class LocalRingCacheTest : public ::testing::Test {
 protected:
  LocalRingCacheTest() { EXPECT_THAT(CreateRingFile(path_, 256, kNow), IsOk()); }

  TempDir folder_;
  std::string path_ = folder_.File("ring");
  LocalRingCache cache_;
};

TEST_F(LocalRingCacheTest, AnUnchangedFileIsReadOnce) {
  ASSERT_OK_AND_ASSIGN(const auto first, cache_.Get(path_));
  ASSERT_OK_AND_ASSIGN(const auto second, cache_.Get(path_));
  EXPECT_EQ(first, second);
}

TEST_F(LocalRingCacheTest, ANewVersionIsSeenAtOnce) {
  ASSERT_OK_AND_ASSIGN(const auto before, cache_.Get(path_));
  ASSERT_THAT(
      UpdateRingFile(path_, [](LocalRing& ring) { return ring.AddVersion(256, kNow).status(); }),
      IsOk());
  ASSERT_OK_AND_ASSIGN(const auto after, cache_.Get(path_));
  EXPECT_EQ(before->Versions().size(), 1U);
  EXPECT_EQ(after->Versions().size(), 2U);
}

TEST_F(LocalRingCacheTest, AnOpenedOrRemovedFileIsNotServedFromMemory) {
  ASSERT_THAT(cache_.Get(path_), IsOk());
  ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  EXPECT_THAT(cache_.Get(path_), StatusIs(Code::kInvalidArgument));
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  EXPECT_THAT(cache_.Get(path_), StatusIs(Code::kUnavailable));
}

TEST_F(LocalRingCacheTest, PathsDoNotMix) {
  const std::string other = folder_.File("other");
  ASSERT_THAT(CreateRingFile(other, 256, kNow), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto one, cache_.Get(path_));
  ASSERT_OK_AND_ASSIGN(const auto two, cache_.Get(other));
  EXPECT_NE(one->id(), two->id());
}

}  // namespace
}  // namespace rbdcrypt::kms
