// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/in_order.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <absl/synchronization/barrier.h>
#include <absl/synchronization/notification.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt {
namespace {

using ::rbdcrypt::testing::FakeClock;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

InOrderReport Nothing() {
  return [] { return OkStatus(); };
}

// 0, 1, … up to and without `end`, each through `make`.
InOrderTasks Count(int end, const std::function<InOrderTask(int)>& make) {
  return [end, make, i = std::make_shared<int>(0)]() -> Result<std::optional<InOrderTask>> {
    return *i == end ? std::nullopt : std::optional(make((*i)++));
  };
}

TEST(InOrderTest, ReportsComeInTheOrderOfTheTasksThoughTheirWorkEndsInAnother) {
  std::vector<int> reported;
  absl::Notification second_is_done;
  const auto task = [&](int i) -> InOrderTask {
    return [&, i](const Context&) -> InOrderReport {
      if (i == 0) {
        second_is_done.WaitForNotification();
      } else if (i == 1) {
        second_is_done.Notify();
      }
      return [&, i] {
        reported.push_back(i);
        return OkStatus();
      };
    };
  };
  EXPECT_THAT(RunInOrder(Context::Background(), 2, Count(5, task)), IsOk());
  EXPECT_THAT(reported, ElementsAre(0, 1, 2, 3, 4));
}

TEST(InOrderTest, AsManyRunAtOnceAsThereAreThreads) {
  constexpr int kThreads = 3;
  // Each waits for the others: with fewer threads this would not end.
  auto* const barrier = new absl::Barrier(kThreads);
  const auto task = [&](int) -> InOrderTask {
    return [&](const Context&) {
      if (barrier->Block()) {
        delete barrier;
      }
      return Nothing();
    };
  };
  EXPECT_THAT(RunInOrder(Context::Background(), kThreads, Count(kThreads, task)), IsOk());
}

TEST(InOrderTest, KeepsFewPiecesHoweverManyThereAre) {
  int given = 0;
  int reported = 0;
  int most = 0;
  const auto task = [&](int) -> InOrderTask {
    most = std::max(most, ++given - reported);
    return [&](const Context&) -> InOrderReport {
      return [&] {
        ++reported;
        return OkStatus();
      };
    };
  };
  EXPECT_THAT(RunInOrder(Context::Background(), 2, Count(1000, task)), IsOk());
  EXPECT_EQ(reported, 1000);
  EXPECT_LE(most, 8);
}

TEST(InOrderTest, AnErrorOfAReportEndsItAndCancelsWhatRuns) {
  std::atomic<int> begun = 0;
  const auto task = [&](int i) -> InOrderTask {
    return [&, i](const Context& context) -> InOrderReport {
      ++begun;
      while (i > 0 && context.Check("wait").ok()) {
      }
      EXPECT_TRUE(i == 0 || context.Check("").code() == Code::kCancelled);
      return [i] { return i == 0 ? Unavailable("nobody answers") : Internal("not in turn"); };
    };
  };
  EXPECT_THAT(RunInOrder(Context::Background(), 2, Count(1000, task)),
              StatusIs(Code::kUnavailable, "nobody answers"));
  EXPECT_LE(begun, 9);
}

TEST(InOrderTest, AnErrorOfTheListEndsIt) {
  int left = 3;
  const auto next = [&]() -> Result<std::optional<InOrderTask>> {
    if (left-- == 0) {
      return Unavailable("the list ends here");
    }
    return std::optional<InOrderTask>([](const Context&) { return Nothing(); });
  };
  EXPECT_THAT(RunInOrder(Context::Background(), 2, next), StatusIs(Code::kUnavailable));
}

TEST(InOrderTest, EndsWithItsContext) {
  FakeClock clock;
  const Context context = Context({.clock = &clock}).WithTimeout(std::chrono::seconds(10));
  std::vector<int> reported;
  const auto task = [&](int i) -> InOrderTask {
    return [&, i](const Context&) -> InOrderReport {
      return [&, i] {
        reported.push_back(i);
        clock.Advance(std::chrono::seconds(6));
        return OkStatus();
      };
    };
  };
  EXPECT_THAT(RunInOrder(context, 1, Count(100, task)), StatusIs(Code::kDeadlineExceeded));
  EXPECT_THAT(reported, ElementsAre(0, 1));
}

TEST(InOrderTest, NothingToDoIsDone) {
  const auto next = []() -> Result<std::optional<InOrderTask>> { return std::nullopt; };
  EXPECT_THAT(RunInOrder(Context::Background(), 4, next), IsOk());
}

}  // namespace
}  // namespace rbdcrypt
