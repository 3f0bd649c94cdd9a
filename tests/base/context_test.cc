// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/context.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt {
namespace {

using ::rbdcrypt::testing::FakeClock;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::StatusIs;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

TEST(ClockTest, SystemClockDoesNotReturnEarlyNorGoBack) {
  Clock& clock = SystemClock();
  const auto wanted = clock.Now() + std::chrono::milliseconds(2);
  clock.SleepUntil(wanted);
  EXPECT_GE(clock.Now(), wanted);
  clock.SleepUntil(wanted - seconds(3600));  // Past: returns at once, or the suite times out.
  EXPECT_GT(clock.Wall(), std::chrono::sys_days(std::chrono::year(2020) / 1 / 1));
}

TEST(FakeClockTest, TimePassesOnlyWhenTold) {
  FakeClock clock;
  const auto start = clock.Now();
  const auto wall = clock.Wall();
  EXPECT_EQ(clock.Now(), start);
  clock.Advance(seconds(5));
  clock.SleepUntil(start + seconds(8));
  clock.SleepUntil(start);
  EXPECT_EQ(clock.Now() - start, seconds(8));
  EXPECT_EQ(clock.Wall() - wall, seconds(8));
  EXPECT_EQ(clock.slept(), seconds(3));
}

TEST(ContextTest, BackgroundNeverEnds) {
  const Context context = Context::Background();
  EXPECT_THAT(context.Check("anything"), IsOk());
  EXPECT_EQ(context.TimeLeft(), nanoseconds::max());
  EXPECT_EQ(&context.clock(), &SystemClock());
}

TEST(ContextTest, EndsWhereEitherSaysThatItIsCancelled) {
  bool theirs = false;
  bool ours = false;
  FakeClock clock;
  const Context outer =
      Context({.clock = &clock, .is_cancelled = [&] { return theirs; }}).WithTimeout(seconds(2));
  const Context inner = outer.AlsoCancelledBy([&] { return ours; });
  EXPECT_THAT(inner.Check("go on"), IsOk());
  ours = true;
  EXPECT_THAT(inner.Check("go on"), StatusIs(Code::kCancelled));
  EXPECT_THAT(outer.Check("go on"), IsOk());
  ours = false;
  theirs = true;
  EXPECT_THAT(inner.Check("go on"), StatusIs(Code::kCancelled));
  theirs = false;
  clock.Advance(seconds(2));
  EXPECT_THAT(inner.Check("go on"), StatusIs(Code::kDeadlineExceeded));
}

TEST(ContextTest, EndsAtItsDeadlineAndSaysWhatWasNext) {
  FakeClock clock;
  const Context context({.clock = &clock, .deadline = clock.Now() + seconds(2)});
  EXPECT_EQ(context.TimeLeft(), seconds(2));
  clock.Advance(seconds(1));
  EXPECT_THAT(context.Check("the next step"), IsOk());
  clock.Advance(seconds(1));
  EXPECT_THAT(context.Check("adding the keyslot"),
              StatusIs(Code::kDeadlineExceeded, HasSubstr("adding the keyslot")));
  clock.Advance(seconds(1));
  EXPECT_EQ(context.TimeLeft(), nanoseconds::zero());
}

TEST(ContextTest, EndsWhenTheCallerGivesUp) {
  bool cancelled = false;
  const Context context({.is_cancelled = [&cancelled] { return cancelled; }, .request_id = "7"});
  EXPECT_THAT(context.Check("a step"), IsOk());
  cancelled = true;
  EXPECT_THAT(context.Check("a step"), StatusIs(Code::kCancelled, HasSubstr("a step")));
  EXPECT_EQ(context.request_id(), "7");
}

TEST(ContextTest, TimeoutOnlyBringsTheDeadlineNearer) {
  FakeClock clock;
  const Context context({.clock = &clock, .deadline = clock.Now() + seconds(10)});
  EXPECT_EQ(context.WithTimeout(seconds(3)).TimeLeft(), seconds(3));
  EXPECT_EQ(context.WithTimeout(seconds(30)).TimeLeft(), seconds(10));
  const Context endless({.clock = &clock, .request_id = "8"});
  EXPECT_EQ(endless.WithTimeout(seconds(3)).TimeLeft(), seconds(3));
  EXPECT_EQ(endless.WithTimeout(seconds(3)).request_id(), "8");
  EXPECT_EQ(endless.TimeLeft(), nanoseconds::max());
}

}  // namespace
}  // namespace rbdcrypt
