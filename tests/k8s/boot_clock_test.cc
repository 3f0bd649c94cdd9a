// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/boot_clock.h"

#include <gtest/gtest.h>
#include <time.h>

namespace rbdcrypt::k8s {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

Clock::TimePoint TimeSinceBoot() {
  timespec now = {};
  EXPECT_EQ(::clock_gettime(CLOCK_BOOTTIME, &now), 0);
  return Clock::TimePoint(seconds(now.tv_sec) + nanoseconds(now.tv_nsec));
}

TEST(BootClockTest, ItIsTheTimeSinceBootSuspensionsIncluded) {
  const Clock::TimePoint before = TimeSinceBoot();
  const Clock::TimePoint now = BootClock().Now();
  EXPECT_LE(before, now);
  EXPECT_LE(now, TimeSinceBoot());
}

TEST(BootClockTest, ItSleepsUntilAMomentOfItsOwn) {
  const Clock::TimePoint until = BootClock().Now() + std::chrono::milliseconds(5);
  BootClock().SleepUntil(until);
  EXPECT_GE(BootClock().Now(), until);
  // One that has passed is not waited for.
  BootClock().SleepUntil(Clock::TimePoint() - seconds(1));
}

}  // namespace
}  // namespace rbdcrypt::k8s
