// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/kek_cache.h"

#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rbdcrypt::kmip {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string TextOf(const std::shared_ptr<const Secret>& kek) {
  return kek == nullptr ? "none" : std::string(kek->RevealText());
}

TEST(KekCacheTest, KeepsKeysByTheirNames) {
  KekCache cache{hours(1)};
  EXPECT_EQ(TextOf(cache.Find("1")), "none");
  EXPECT_EQ(TextOf(cache.Keep("1", Secret("one"))), "one");
  cache.Keep("2", Secret("two"));
  cache.Keep("1", Secret("one again"));
  EXPECT_EQ(TextOf(cache.Find("1")), "one again");
  EXPECT_EQ(TextOf(cache.Find("2")), "two");
  cache.Clear();
  EXPECT_EQ(TextOf(cache.Find("1")), "none");
}

TEST(KekCacheTest, KeepsNothingWhereTheEntryAllowsNone) {
  KekCache cache{milliseconds(0)};
  EXPECT_EQ(TextOf(cache.Keep("1", Secret("one"))), "one");
  EXPECT_EQ(TextOf(cache.Find("1")), "none");
  EXPECT_TRUE(cache.WaitUntilEmptyForTest(milliseconds(0)));
}

TEST(KekCacheTest, DropsAKeyInTimeThoughNobodyAsks) {
  KekCache cache{milliseconds(20)};
  const auto used = cache.Keep("1", Secret("one"));
  EXPECT_TRUE(cache.WaitUntilEmptyForTest(seconds(10)));
  EXPECT_EQ(TextOf(cache.Find("1")), "none");
  // Whoever uses it at that moment still may.
  EXPECT_EQ(TextOf(used), "one");
  EXPECT_EQ(used.use_count(), 1);
  cache.Keep("2", Secret("two"));
  EXPECT_TRUE(cache.WaitUntilEmptyForTest(seconds(10)));
}

TEST(KekCacheTest, EndsWithKeysInIt) {
  std::shared_ptr<const Secret> used;
  {
    KekCache cache{hours(1)};
    used = cache.Keep("1", Secret("one"));
    EXPECT_EQ(used.use_count(), 2);
  }
  EXPECT_EQ(used.use_count(), 1);
}

TEST(KekCacheTest, ManyMayUseIt) {
  KekCache cache{milliseconds(1)};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&cache] {
      for (int turn = 0; turn < 200; ++turn) {
        EXPECT_EQ(TextOf(cache.Keep("1", Secret("one"))), "one");
        const auto found = cache.Find("1");
        EXPECT_TRUE(found == nullptr || TextOf(found) == "one");
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_TRUE(cache.WaitUntilEmptyForTest(seconds(10)));
}

}  // namespace
}  // namespace rbdcrypt::kmip
