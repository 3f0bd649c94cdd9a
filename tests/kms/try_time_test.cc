// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/try_time.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace rbdcrypt::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

nanoseconds TimeOfTry(nanoseconds left) {
  FakeClock clock;
  const Context call({.clock = &clock, .deadline = clock.Now() + left});
  return kms::WithTimeForOthers(call).TimeLeft();
}

TEST(TryTimeTest, HalfIsLeftToTheOthers) {
  EXPECT_EQ(TimeOfTry(seconds(30)), seconds(15));
  EXPECT_EQ(TimeOfTry(seconds(2)), seconds(1));
}

TEST(TryTimeTest, ASlowServerGetsASecond) {
  EXPECT_EQ(TimeOfTry(milliseconds(1500)), seconds(1));
}

TEST(TryTimeTest, NothingIsLongerThanTheCall) {
  EXPECT_EQ(TimeOfTry(milliseconds(400)), milliseconds(400));
  EXPECT_EQ(TimeOfTry(seconds(0)), seconds(0));
}

TEST(TryTimeTest, WithoutADeadlineThereIsTimeForEverything) {
  EXPECT_GT(kms::WithTimeForOthers(Context::Background()).TimeLeft(), std::chrono::hours(24 * 365));
}

}  // namespace
}  // namespace rbdcrypt::testing
