// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// What many threads share, for ThreadSanitizer as much as for the assertions.
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crash_point.h"
#include "base/keyed_lock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/retry.h"
#include "base/secret.h"
#include "base/strings.h"
#include "base/subprocess.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt {
namespace {

using ::rbdcrypt::testing::FakeClock;
using ::rbdcrypt::testing::IsOk;
using ::testing::HasSubstr;

constexpr int kThreads = 4;
constexpr int kRounds = 500;

// Runs `body(thread)` in all threads at once.
void InThreads(const std::function<void(int)>& body) {
  std::atomic<int> waiting{kThreads};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&body, &waiting, i] {
      --waiting;
      while (waiting > 0) {
        std::this_thread::yield();
      }
      body(i);
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST(KeyedLockConcurrentTest, NeverTwoHoldersOfOneKey) {
  KeyedLock lock;
  // Plain integers: only the lock keeps the threads apart, and tsan sees where it does not.
  int inside[2] = {0, 0};
  int won[2] = {0, 0};
  std::atomic<int> clashes{0};
  std::atomic<int> lost{0};
  InThreads([&](int thread) {
    const int key = thread % 2;
    for (int i = 0; i < kRounds; ++i) {
      const auto hold = lock.TryLock(Cat("volume ", key), "a volume");
      if (!hold.ok()) {
        ++lost;
        continue;
      }
      clashes += inside[key]++;
      std::this_thread::yield();
      --inside[key];
      ++won[key];
    }
  });
  EXPECT_EQ(clashes, 0);
  EXPECT_GT(won[0], 0);
  EXPECT_GT(won[1], 0);
  EXPECT_EQ(won[0] + won[1] + lost, kThreads * kRounds);
  EXPECT_THAT(lock.TryLock("volume 0", "a volume"), IsOk());
}

TEST(MetricsConcurrentTest, NoCountIsLost) {
  Metrics metrics;
  ASSERT_THAT(metrics.Serve("127.0.0.1:0"), IsOk());
  InThreads([&](int thread) {
    for (int i = 0; i < kRounds; ++i) {
      metrics.AddRpcInFlight(1);
      metrics.CountRpc(Cat("Method", i % 3), "OK", 0.1);
      metrics.CountKms("local", "fetch", "OK");
      metrics.CountEvent(Cat("event", thread));
      metrics.AddRpcInFlight(-1);
    }
    EXPECT_THAT(metrics.TextForTest(), HasSubstr("rbdcrypt_rpc_total"));
  });
  const std::string text = metrics.TextForTest();
  EXPECT_THAT(text, HasSubstr(Cat(R"(operation="fetch",provider="local"} )", kThreads * kRounds)));
  EXPECT_THAT(text, HasSubstr("rbdcrypt_rpc_in_flight 0"));
  EXPECT_THAT(text, HasSubstr(Cat(R"(rbdcrypt_events_total{event="event3"} )", kRounds)));
}

TEST(LogConcurrentTest, LevelMayChangeWhileLogging) {
  ASSERT_THAT(InitLog("error", LogFormat::kText), IsOk());
  InThreads([](int thread) {
    for (int i = 0; i < kRounds; ++i) {
      if (thread == 0) {
        EXPECT_THAT(InitLog(i % 2 == 0 ? "warn" : "error", LogFormat::kText), IsOk());
      }
      LogInfo("never printed", {{"round", Cat(i)}});
    }
  });
}

TEST(SecretConcurrentTest, HeapIsSharedSafely) {
  InitSecretHeap();
  InThreads([](int thread) {
    for (int i = 0; i < kRounds; ++i) {
      const std::string text(static_cast<std::size_t>(i % 100 + 1),
                             static_cast<char>('a' + thread));
      const Secret secret(text);
      EXPECT_EQ(secret.Clone().RevealText(), text);
    }
  });
}

TEST(RetryConcurrentTest, CallersShareOneClock) {
  FakeClock clock;
  const Context context({.clock = &clock});
  InThreads([&context](int) {
    int calls = 0;
    EXPECT_THAT(Retry(context, {}, [&calls] { return ++calls < 4 ? Aborted("no") : OkStatus(); }),
                IsOk());
  });
  EXPECT_GT(clock.slept(), std::chrono::seconds(0));
}

TEST(SubprocessConcurrentTest, EachCallGetsItsOwnAnswer) {
  InThreads([](int thread) {
    for (int i = 0; i < 5; ++i) {
      const auto output = SystemSubprocess().Run(
          Context::Background(), {.argv = {"cat"}, .standard_input = Secret(Cat(thread, "/", i))});
      ASSERT_THAT(output, IsOk());
      EXPECT_EQ(output->standard_output, Cat(thread, "/", i));
    }
  });
}

#ifdef RBDCRYPT_CRASH_POINTS

TEST(CrashPointConcurrentTest, EveryPassingIsObserved) {
  std::atomic<int> heard{0};
  ObserveCrashPointsForTest(
      [](void* argument, std::string_view) { ++*static_cast<std::atomic<int>*>(argument); },
      &heard);
  InThreads([](int) {
    for (int i = 0; i < kRounds; ++i) {
      EXPECT_THAT(AfterEffect("concurrent.observed", OkStatus()), IsOk());
    }
  });
  ObserveCrashPointsForTest(nullptr, nullptr);
  EXPECT_EQ(heard, kThreads * kRounds);
}

TEST(CrashPointConcurrentTest, NumberedPointStopsExactlyOnce) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("RBDCRYPT_STOP_AT", Cat("concurrent.stop#", kThreads * kRounds / 2).c_str(), 1);
    InThreads([](int) {
      for (int i = 0; i < kRounds; ++i) {
        (void)AfterEffect("concurrent.stop", OkStatus());
      }
    });
    ::_exit(0);
  }
  int wait_status = 0;
  ASSERT_EQ(::waitpid(child, &wait_status, WUNTRACED), child);
  ASSERT_TRUE(WIFSTOPPED(wait_status));
  ASSERT_EQ(::kill(child, SIGCONT), 0);
  ASSERT_EQ(::waitpid(child, &wait_status, WUNTRACED), child);
  EXPECT_TRUE(WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0);
}

#endif  // RBDCRYPT_CRASH_POINTS

}  // namespace
}  // namespace rbdcrypt
