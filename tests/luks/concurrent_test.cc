// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Headers of different images on different threads.
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "rbd/luks/header.h"
#include "tests/luks/luks_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd::luks {
namespace {

using testing::FakeHeaderIo;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;

TEST(ConcurrentTest, FormatAddAndDropOnEightThreads) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([thread] {
      const std::string key = "key of thread " + std::to_string(thread);
      FakeHeaderIo io;
      EXPECT_THAT(FormatImage(io, key), IsOk());
      EXPECT_THAT(AddKey(io, key, key + ", the next"), IsOkAndHolds(1));
      EXPECT_THAT(DropSlot(io, 0), IsOk());
      EXPECT_THAT(Opens(io, key + ", the next"), IsOkAndHolds(1));
      EXPECT_THAT(Opens(io, key), StatusIs(Code::kUnauthenticated));
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace
}  // namespace rbdcrypt::rbd::luks
