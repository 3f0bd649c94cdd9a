// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/curl_memory.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <vector>

#include <curl/curl.h>
#include <gtest/gtest.h>

namespace rbdcrypt::net {
namespace {

using ::testing::Test;

struct Observed {
  std::size_t size;
  bool is_zero;
};

std::vector<Observed>* observed = nullptr;

// Notes what becomes of every block while a test runs.
class CurlMemoryTest : public Test {
 protected:
  CurlMemoryTest() {
    observed = &blocks_;
    ObserveWipedBlocksForTest([](const void* block, std::size_t size) {
      const auto* const bytes = static_cast<const char*>(block);
      observed->push_back({.size = size, .is_zero = std::all_of(bytes, bytes + size, [](char byte) {
                                           return byte == 0;
                                         })});
    });
  }

  ~CurlMemoryTest() override {
    ObserveWipedBlocksForTest(nullptr);
    observed = nullptr;
  }

  std::vector<Observed> blocks_;
};

TEST_F(CurlMemoryTest, WipesWhatIsFreed) {
  auto* const block = static_cast<char*>(WipingMalloc(5));
  std::memcpy(block, "token", 5);
  WipingFree(block);
  ASSERT_EQ(blocks_.size(), 1U);
  EXPECT_EQ(blocks_[0].size, 5U);
  EXPECT_TRUE(blocks_[0].is_zero);
}

TEST_F(CurlMemoryTest, WipesTheOldBlockWhereItGrowsOrShrinks) {
  char* const block = WipingStrdup("token");
  auto* const larger = static_cast<char*>(WipingRealloc(block, 1000));
  EXPECT_EQ(std::string_view(larger), "token");
  auto* const smaller = static_cast<char*>(WipingRealloc(larger, 2));
  EXPECT_EQ(std::string_view(smaller, 2), "to");
  ASSERT_EQ(blocks_.size(), 2U);
  EXPECT_EQ(blocks_[0].size, 6U);
  EXPECT_EQ(blocks_[1].size, 1000U);
  EXPECT_TRUE(blocks_[0].is_zero && blocks_[1].is_zero);
  WipingFree(smaller);
}

TEST_F(CurlMemoryTest, BehavesAsTheStandardsFunctions) {
  WipingFree(nullptr);
  EXPECT_TRUE(blocks_.empty());
  auto* const zeros = static_cast<char*>(WipingCalloc(3, 7));
  EXPECT_TRUE(std::all_of(zeros, zeros + 21, [](char byte) { return byte == 0; }));
  WipingFree(zeros);
  void* const fresh = WipingRealloc(nullptr, 1);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(fresh) % alignof(std::max_align_t), 0U);
  WipingFree(fresh);
  void* const empty = WipingMalloc(0);
  EXPECT_NE(empty, nullptr);
  WipingFree(empty);
}

TEST_F(CurlMemoryTest, RefusesSizesThatOverflow) {
  volatile std::size_t most = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(WipingMalloc(most), nullptr);
  EXPECT_EQ(WipingCalloc(most / 2, 3), nullptr);
  void* const block = WipingMalloc(1);
  EXPECT_EQ(WipingRealloc(block, most), nullptr);
  EXPECT_TRUE(blocks_.empty());
  WipingFree(block);
}

TEST_F(CurlMemoryTest, LibcurlUsesIt) {
  InitCurl();
  InitCurl();
  curl_slist* const list = curl_slist_append(nullptr, "X-Vault-Token: hvs.secret");
  blocks_.clear();
  curl_slist_free_all(list);
  EXPECT_FALSE(blocks_.empty());
  EXPECT_TRUE(std::all_of(blocks_.begin(), blocks_.end(),
                          [](const Observed& block) { return block.is_zero; }));
}

}  // namespace
}  // namespace rbdcrypt::net
