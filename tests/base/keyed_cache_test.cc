// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/keyed_cache.h"

#include <chrono>
#include <memory>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using rbdcrypt::KeyedCache;

TEST(KeyedCacheTest, KeepsWhatIsUsedAndDropsWhatNobodyAskedForInAnHour) {
  FakeClock clock;
  KeyedCache<int> cache;
  int made = 0;
  const auto make = [&]() -> Result<std::shared_ptr<int>> { return std::make_shared<int>(++made); };
  EXPECT_EQ(**cache.Get(clock, "a", make), 1);
  const auto held = *cache.Get(clock, "b", make);
  clock.Advance(std::chrono::minutes(59));
  EXPECT_EQ(**cache.Get(clock, "a", make), 1);
  clock.Advance(std::chrono::minutes(61));
  EXPECT_EQ(**cache.Get(clock, "a", make), 3);
  // Somebody holds it still.
  EXPECT_EQ(*cache.Get(clock, "b", make), held);
}

// One that asks the cache while it ends must not wait for itself.
TEST(KeyedCacheTest, DropsOutsideOfItsLock) {
  FakeClock clock;
  KeyedCache<std::shared_ptr<void>> cache;
  int asked = 0;
  const auto make = []() -> Result<std::shared_ptr<std::shared_ptr<void>>> {
    return std::make_shared<std::shared_ptr<void>>();
  };
  ASSERT_OK_AND_ASSIGN(auto first, cache.Get(clock, "a", make));
  *first = std::shared_ptr<void>(nullptr, [&](void* /*none*/) {
    ++asked;
    EXPECT_THAT(cache.Get(clock, "c", make), IsOk());
  });
  first.reset();
  clock.Advance(std::chrono::minutes(61));
  ASSERT_THAT(cache.Get(clock, "b", make), IsOk());
  EXPECT_EQ(asked, 1);
}

TEST(KeyedCacheTest, FailureIsNotKept) {
  FakeClock clock;
  KeyedCache<int> cache;
  const auto fail = []() -> Result<std::shared_ptr<int>> { return Unavailable("no"); };
  EXPECT_THAT(cache.Get(clock, "a", fail), StatusIs(Code::kUnavailable));
  EXPECT_THAT(
      cache.Get(clock, "a", [] { return Result<std::shared_ptr<int>>(std::make_shared<int>(1)); }),
      IsOk());
}

}  // namespace
}  // namespace rbdcrypt::testing
