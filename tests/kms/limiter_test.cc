// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/limiter.h"

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using kms::Limiter;
using kms::Urgency;

// Who got a seat, in order.
class Order {
 public:
  void Add(Urgency urgency) {
    absl::MutexLock lock(&mutex_);
    order_.push_back(urgency == Urgency::kMount ? 'm' : 'b');
  }

  std::string text() const {
    absl::MutexLock lock(&mutex_);
    return order_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::string order_ ABSL_GUARDED_BY(mutex_);
};

void AwaitWaiting(const Limiter& limiter, Urgency urgency, std::size_t count) {
  while (limiter.WaitingForTest(urgency) != count) {
    std::this_thread::yield();
  }
}

TEST(LimiterTest, MountGoesBeforeTheBackgroundCallsThatWaited) {
  constexpr std::size_t kBackground = 20;
  Limiter limiter(1);
  Order order;
  std::vector<std::thread> threads;
  {
    const auto held = limiter.Take(Context::Background(), Urgency::kBackground);
    ASSERT_THAT(held, IsOk());
    const auto call = [&](Urgency urgency) {
      const auto seat = limiter.Take(Context::Background(), urgency);
      ASSERT_THAT(seat, IsOk());
      order.Add(urgency);
    };
    for (std::size_t i = 0; i < kBackground; ++i) {
      threads.emplace_back(call, Urgency::kBackground);
    }
    AwaitWaiting(limiter, Urgency::kBackground, kBackground);
    threads.emplace_back(call, Urgency::kMount);
    AwaitWaiting(limiter, Urgency::kMount, 1);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  // The one that held the seat is the one it waited for.
  EXPECT_EQ(order.text(), "m" + std::string(kBackground, 'b'));
}

TEST(LimiterTest, NoMoreThanItsSeatsAreTakenAtOnce) {
  Limiter limiter(3);
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([&] {
      const auto seat = limiter.Take(Context::Background(), Urgency::kMount);
      const int now = ++inside;
      int seen = most;
      while (seen < now && !most.compare_exchange_weak(seen, now)) {
      }
      std::this_thread::yield();
      --inside;
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_LE(most, 3);
  EXPECT_GE(most, 1);
}

TEST(LimiterTest, CallWhoseContextEndedGetsNoSeat) {
  Limiter limiter(1);
  const Context ended(Context::Options{.is_cancelled = [] { return true; }});
  EXPECT_THAT(limiter.Take(ended, Urgency::kMount).status(), StatusIs(Code::kCancelled));
  EXPECT_THAT(limiter.Take(Context::Background(), Urgency::kMount).status(), IsOk());
}

TEST(LimiterTest, WaiterThatGivesUpLeavesTheQueue) {
  Limiter limiter(1);
  std::atomic<bool> is_cancelled = false;
  const Context context(Context::Options{.is_cancelled = [&] { return is_cancelled.load(); }});
  auto held = std::make_optional(limiter.Take(Context::Background(), Urgency::kMount));
  std::thread waiter([&] {
    EXPECT_THAT(limiter.Take(context, Urgency::kMount).status(), StatusIs(Code::kCancelled));
  });
  AwaitWaiting(limiter, Urgency::kMount, 1);
  is_cancelled = true;
  waiter.join();
  EXPECT_EQ(limiter.WaitingForTest(Urgency::kMount), 0U);
  held.reset();
  EXPECT_THAT(limiter.Take(Context::Background(), Urgency::kMount).status(), IsOk());
}

}  // namespace
}  // namespace rbdcrypt::testing
