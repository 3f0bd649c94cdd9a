// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/keyed_lock.h"

#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::StatusIs;
using ::testing::HasSubstr;

TEST(KeyedLockTest, SecondHolderOfAKeyIsAborted) {
  KeyedLock lock;
  ASSERT_OK_AND_ASSIGN(const auto hold, lock.TryLock("a", "volume a"));
  EXPECT_THAT(lock.TryLock("a", "volume a"), StatusIs(Code::kAborted, HasSubstr("volume a")));
}

TEST(KeyedLockTest, OtherKeysAreFree) {
  KeyedLock lock;
  ASSERT_OK_AND_ASSIGN(const auto hold, lock.TryLock("a", "volume a"));
  EXPECT_THAT(lock.TryLock("b", "volume b"), IsOk());
  EXPECT_THAT(lock.TryLock("", "no volume"), IsOk());
}

TEST(KeyedLockTest, EndOfTheHoldReleasesAndAFailedTryDoesNot) {
  KeyedLock lock;
  {
    ASSERT_OK_AND_ASSIGN(const auto hold, lock.TryLock("a", "volume a"));
    EXPECT_THAT(lock.TryLock("a", "volume a"), StatusIs(Code::kAborted));
    EXPECT_THAT(lock.TryLock("a", "volume a"), StatusIs(Code::kAborted));
  }
  EXPECT_THAT(lock.TryLock("a", "volume a"), IsOk());
}

TEST(KeyedLockTest, MovedHoldReleasesOnceAtItsNewPlace) {
  KeyedLock lock;
  std::optional<KeyedLock::Hold> kept;
  {
    ASSERT_OK_AND_ASSIGN(auto hold, lock.TryLock("a", "volume a"));
    kept.emplace(std::move(hold));
  }
  EXPECT_THAT(lock.TryLock("a", "volume a"), StatusIs(Code::kAborted));
  kept.reset();
  EXPECT_THAT(lock.TryLock("a", "volume a"), IsOk());
}

}  // namespace
}  // namespace rbdcrypt
