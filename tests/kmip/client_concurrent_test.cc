// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>
#include <gtest/gtest.h>

#include "kmip/client.h"
#include "kmip/operations.h"
#include "tests/fakes/fake_kmip.h"
#include "tests/fakes/fake_kmip_dialer.h"
#include "tests/kmip/client_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using kmip::Operation;

constexpr int kThreads = 16;
constexpr int kCalls = 40;
constexpr std::size_t kConnections = 8;

// How many requests are at a server at once.
class Crowd {
 public:
  // Waits, within reason, until that many have been inside at once.
  void Enter(int wanted) {
    absl::MutexLock lock(&mutex_);
    ++inside_;
    most_ = std::max(most_, inside_);
    const auto is_full = [&] { return most_ >= wanted; };
    mutex_.AwaitWithTimeout(absl::Condition(&is_full), absl::Seconds(20));
    --inside_;
  }

  int most() {
    absl::MutexLock lock(&mutex_);
    return most_;
  }

 private:
  absl::Mutex mutex_;
  int inside_ ABSL_GUARDED_BY(mutex_) = 0;
  int most_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Calls from many threads, and how many failed. `between` comes after each call of the first.
int FailuresOf(
    ClientWorld& world, const Context& context, const std::function<void()>& between = [] {}) {
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const kms::Urgency urgency = i % 2 == 0 ? kms::Urgency::kMount : kms::Urgency::kBackground;
      for (int call = 0; call < kCalls; ++call) {
        const Status status = world.client().Run(context, urgency, [&](kmip::Session& session) {
          return session.Ask(context, kmip::GetAttributesRequest("kek")).status();
        });
        failures += status.ok() ? 0 : 1;
        if (i == 0) {
          between();
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  return failures;
}

Context InAMinute() {
  return Context::Background().WithTimeout(std::chrono::minutes(1));
}

TEST(KmipClientConcurrentTest, SixteenCallersShareEightConnections) {
  ClientWorld world;
  Crowd crowd;
  world.server().OnRequest([&](const FakeKmip::Seen& seen) {
    if (seen.operation == Operation::kGetAttributes) {
      crowd.Enter(kConnections);
    }
  });
  EXPECT_EQ(FailuresOf(world, InAMinute()), 0);
  EXPECT_EQ(crowd.most(), static_cast<int>(kConnections));
  EXPECT_LE(world.client().counts().dials, kConnections);
  EXPECT_LE(world.client().OpenConnectionsForTest(), kConnections);
  EXPECT_EQ(world.server().Count(Operation::kGetAttributes), kThreads * kCalls);
}

TEST(KmipClientConcurrentTest, NoCallFailsWhileOneServerAfterTheOtherRestarts) {
  ClientWorld world(2);
  for (const std::size_t down : {0U, 1U, 0U, 1U}) {
    world.dialer(down).SetDown(true);
    EXPECT_EQ(FailuresOf(world, world.context()), 0) << down;
    world.dialer(down).SetDown(false);
    // The breaker of the one that was down lets one caller through, which the others wait for.
    world.clock().Advance(std::chrono::seconds(2));
  }
  EXPECT_LE(world.client().OpenConnectionsForTest(), 2 * kConnections);
  EXPECT_EQ(
      world.client().OpenConnectionsForTest(),
      static_cast<std::size_t>(world.dialer(0).open_streams() + world.dialer(1).open_streams()));
}

TEST(KmipClientConcurrentTest, LostConnectionsAreReplacedUnderLoad) {
  ClientWorld world;
  EXPECT_EQ(FailuresOf(world, InAMinute(), [&] { world.dialer().CloseStreams(); }), 0);
  EXPECT_LE(world.client().OpenConnectionsForTest(), kConnections);
}

}  // namespace
}  // namespace rbdcrypt::testing
