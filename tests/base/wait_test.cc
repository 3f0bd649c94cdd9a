// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/wait.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace rbdcrypt::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(WaitTest, WaitsAsLongAsAsked) {
  FakeClock clock;
  EXPECT_TRUE(WaitFor(Context({.clock = &clock}), milliseconds(1234)));
  EXPECT_EQ(clock.slept(), milliseconds(1234));
}

TEST(WaitTest, WaitThatWouldOutlastTheDeadlineIsNotBegun) {
  FakeClock clock;
  const Context context = Context({.clock = &clock}).WithTimeout(seconds(5));
  EXPECT_FALSE(WaitFor(context, seconds(5)));
  EXPECT_EQ(clock.slept(), seconds(0));
  EXPECT_TRUE(WaitFor(context, seconds(4)));
}

TEST(WaitTest, CancellationEndsAWaitWithinATenthOfASecond) {
  FakeClock clock;
  const Context context(
      {.clock = &clock, .is_cancelled = [&] { return clock.slept() >= seconds(1); }});
  EXPECT_FALSE(WaitFor(context, seconds(60)));
  EXPECT_LE(clock.slept(), milliseconds(1100));
}

TEST(WaitTest, RandomTimesStayWithinTheirBoundsAndDiffer) {
  bool differs = false;
  const auto first = RandomBetween(seconds(1), seconds(2));
  for (int i = 0; i < 100; ++i) {
    const auto time = RandomBetween(seconds(1), seconds(2));
    EXPECT_GE(time, seconds(1));
    EXPECT_LE(time, seconds(2));
    differs = differs || time != first;
  }
  EXPECT_TRUE(differs);
  EXPECT_EQ(RandomBetween(seconds(3), seconds(3)), seconds(3));
}

}  // namespace
}  // namespace rbdcrypt::testing
