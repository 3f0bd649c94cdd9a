// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/retry.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt {
namespace {

using ::rbdcrypt::testing::FakeClock;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::StatusIs;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Fails `failures` times with `error`, then succeeds.
class Flaky {
 public:
  Flaky(int failures, Status error) : failures_(failures), error_(std::move(error)) {}

  Status operator()() { return ++calls_ <= failures_ ? error_ : OkStatus(); }

  int calls() const { return calls_; }

 private:
  int failures_;
  int calls_ = 0;
  Status error_;
};

TEST(RetryTest, RepeatsWhatMayPassUntilItDoes) {
  for (const Status& error : {Unavailable("down"), Aborted("lost the race")}) {
    FakeClock clock;
    Flaky flaky(3, error);
    EXPECT_THAT(Retry(Context({.clock = &clock}), {}, std::ref(flaky)), IsOk());
    EXPECT_EQ(flaky.calls(), 4);
  }
}

TEST(RetryTest, GivesUpAfterTheLastAttemptWithItsStatus) {
  FakeClock clock;
  Flaky flaky(100, Unavailable("down"));
  EXPECT_THAT(Retry(Context({.clock = &clock}), {.max_attempts = 3}, std::ref(flaky)),
              StatusIs(Code::kUnavailable, "down"));
  EXPECT_EQ(flaky.calls(), 3);
}

TEST(RetryTest, NeverRepeatsWhatWillNotPass) {
  for (const Code code : {Code::kInvalidArgument, Code::kNotFound, Code::kUnauthenticated,
                          Code::kPermissionDenied, Code::kDataLoss, Code::kResourceExhausted,
                          Code::kDeadlineExceeded, Code::kCancelled, Code::kInternal}) {
    FakeClock clock;
    Flaky flaky(100, MakeStatus(code, "no"));
    EXPECT_THAT(Retry(Context({.clock = &clock}), {}, std::ref(flaky)), StatusIs(code));
    EXPECT_EQ(flaky.calls(), 1);
    EXPECT_EQ(clock.slept(), seconds(0));
  }
}

// The longest of many waits before attempt `attempt`, which must come near its limit.
std::chrono::nanoseconds LongestWait(int attempt, const RetryOptions& options) {
  std::chrono::nanoseconds longest(0);
  for (int round = 0; round < 400; ++round) {
    FakeClock clock;
    std::chrono::nanoseconds slept_before(0);
    int calls = 0;
    (void)Retry(Context({.clock = &clock}), options, [&]() -> Status {
      if (++calls == attempt) {
        longest = std::max(longest, clock.slept() - slept_before);
      }
      slept_before = clock.slept();
      return Unavailable("down");
    });
  }
  return longest;
}

TEST(RetryTest, WaitsDoubleUpToTheCap) {
  const RetryOptions options = {.max_attempts = 6, .base = seconds(1), .cap = seconds(5)};
  const std::pair<int, seconds> limits[] = {
      {2, seconds(1)}, {3, seconds(2)}, {4, seconds(4)}, {5, seconds(5)}, {6, seconds(5)}};
  for (const auto& [attempt, limit] : limits) {
    // Of 400 uniform draws the largest is below 0.9 of the limit once in 10^18 runs.
    const auto longest = LongestWait(attempt, options);
    EXPECT_LE(longest, limit) << attempt;
    EXPECT_GT(longest, limit * 9 / 10) << attempt;
  }
}

TEST(RetryTest, CapHoldsForTheFirstWaitAndAgainstOverflow) {
  const RetryOptions tight = {.max_attempts = 2, .base = seconds(60), .cap = seconds(1)};
  EXPECT_LE(LongestWait(2, tight), seconds(1));
  const RetryOptions wide = {
      .max_attempts = 90, .base = seconds(1), .cap = std::chrono::nanoseconds::max()};
  FakeClock clock;
  Flaky flaky(100, Unavailable("down"));
  const auto deadline = clock.Now() + seconds(100'000);
  EXPECT_THAT(Retry(Context({.clock = &clock, .deadline = deadline}), wide, std::ref(flaky)),
              StatusIs(Code::kUnavailable));
  EXPECT_LT(flaky.calls(), 90);
}

TEST(RetryTest, DoesNotBeginAWaitThatOutlastsTheDeadline) {
  FakeClock clock;
  Flaky flaky(100, Unavailable("down"));
  const Context context({.clock = &clock, .deadline = clock.Now() + seconds(3)});
  const RetryOptions options = {.max_attempts = 1000, .base = seconds(1), .cap = seconds(1)};
  EXPECT_THAT(Retry(context, options, std::ref(flaky)), StatusIs(Code::kUnavailable, "down"));
  EXPECT_GT(context.TimeLeft(), seconds(0));
  EXPECT_LT(flaky.calls(), 1000);
}

TEST(RetryTest, CancellationEndsTheWaitEarlyWithTheLastStatus) {
  FakeClock clock;
  Flaky flaky(100, Unavailable("down"));
  const auto start = clock.Now();
  const Context context({.clock = &clock, .is_cancelled = [&clock, start] {
                           return clock.Now() - start >= milliseconds(300);
                         }});
  const RetryOptions options = {.max_attempts = 100, .base = seconds(3600), .cap = seconds(3600)};
  EXPECT_THAT(Retry(context, options, std::ref(flaky)), StatusIs(Code::kUnavailable, "down"));
  EXPECT_LE(clock.Now() - start, milliseconds(400));
}

}  // namespace
}  // namespace rbdcrypt
