// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/breaker.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using kms::Breaker;
using std::chrono::seconds;
using ::testing::HasSubstr;
using Outcome = kms::Breaker::Outcome;

constexpr Breaker::Options kOptions = {
    .threshold = 3, .pause = seconds(2), .longest_pause = seconds(6)};

class BreakerTest : public ::testing::Test {
 protected:
  void Fail(int times) {
    for (int i = 0; i < times; ++i) {
      ASSERT_OK_AND_ASSIGN(const Breaker::Ticket ticket, breaker_.Allow(clock_));
      breaker_.Report(clock_, ticket, Outcome::kDown, "connection refused");
    }
  }

  FakeClock clock_;
  Breaker breaker_{"Vault at https://v", kOptions};
};

TEST_F(BreakerTest, OpensAfterFailuresInARowAndSaysSinceWhenAndWhy) {
  clock_.Advance(seconds(5));
  Fail(3);
  clock_.Advance(seconds(1));
  EXPECT_THAT(breaker_.Allow(clock_),
              StatusIs(Code::kUnavailable,
                       AllOf(HasSubstr("Vault at https://v"), HasSubstr("2026-01-01T00:00:05Z"),
                             HasSubstr("connection refused"), HasSubstr("again in 1 s"))));
}

TEST_F(BreakerTest, AnAnswerInBetweenStartsTheCountAnew) {
  Fail(2);
  breaker_.Report(clock_, {}, Outcome::kAlive, "");
  Fail(2);
  EXPECT_THAT(breaker_.Allow(clock_), IsOk());
}

TEST_F(BreakerTest, LetsOneProbeThroughAfterThePause) {
  Fail(3);
  clock_.Advance(seconds(2));
  ASSERT_OK_AND_ASSIGN(const Breaker::Ticket probe, breaker_.Allow(clock_));
  EXPECT_THAT(breaker_.Allow(clock_), StatusIs(Code::kUnavailable));
  breaker_.Report(clock_, probe, Outcome::kAlive, "");
  EXPECT_THAT(breaker_.Allow(clock_), IsOk());
}

TEST_F(BreakerTest, FailedProbesDoubleThePauseUpToTheLongest) {
  Fail(3);
  for (const int pause : {2, 4, 6, 6}) {
    clock_.Advance(seconds(pause) - std::chrono::milliseconds(1));
    EXPECT_THAT(breaker_.Allow(clock_), StatusIs(Code::kUnavailable)) << pause;
    clock_.Advance(std::chrono::milliseconds(1));
    Fail(1);
  }
}

TEST_F(BreakerTest, ProbeThatLearntNothingIsFollowedByAnother) {
  Fail(3);
  clock_.Advance(seconds(2));
  ASSERT_OK_AND_ASSIGN(const Breaker::Ticket probe, breaker_.Allow(clock_));
  breaker_.Report(clock_, probe, Outcome::kUnknown, "");
  EXPECT_THAT(breaker_.Allow(clock_), IsOk());
}

TEST_F(BreakerTest, TryThatBeganBeforeItOpenedEndsNoProbe) {
  ASSERT_OK_AND_ASSIGN(const Breaker::Ticket late, breaker_.Allow(clock_));
  Fail(3);
  clock_.Advance(seconds(2));
  ASSERT_THAT(breaker_.Allow(clock_), IsOk());
  for (const Outcome outcome : {Outcome::kUnknown, Outcome::kDown}) {
    breaker_.Report(clock_, late, outcome, "timed out");
    EXPECT_THAT(breaker_.Allow(clock_), StatusIs(Code::kUnavailable));
  }
}

}  // namespace
}  // namespace rbdcrypt::testing
