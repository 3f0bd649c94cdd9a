// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/due.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rotation {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// Its offset in a window of two hours is 1438 s, in one of 60 s it is 58 s (csi-and-addons 3.2).
constexpr std::string_view kUid = "00000000-0000-0000-0000-000000000001";
constexpr seconds kOffset(1438);
constexpr hours kWindow(2);

WallTime At(std::string_view text) {
  const auto time = k8s::ParseTime(text);
  EXPECT_TRUE(time.has_value()) << text;
  return time.value_or(WallTime());
}

// Sundays.
const WallTime kSunday = At("2026-01-04T00:00:00Z");
const WallTime kNextSunday = kSunday + days(7);
// A Thursday.
const WallTime kCreated = At("2026-01-01T12:00:00Z");

struct Volume {
  std::optional<NextRun> Find(WallTime now) const {
    const Result<CronSchedule> parsed = CronSchedule::Parse(schedule);
    EXPECT_THAT(parsed, testing::IsOk());
    return parsed.ok() ? FindNextRun(*parsed, history, options, now) : std::nullopt;
  }

  std::string schedule = "@weekly";
  RunHistory history = {.uid = std::string(kUid), .since = kCreated};
  DueOptions options = {.stagger_window = kWindow};
};

// Without an offset.
Volume OnTheTick(std::string_view schedule) {
  Volume volume;
  volume.schedule = schedule;
  volume.options.stagger_window = seconds(0);
  return volume;
}

// Of a run that is not held up.
NextRun RunAt(WallTime time) {
  return {.scheduled_at = time, .start = time};
}

TEST(DueTest, TheFirstRunIsThatOfTheFirstTickAfterCreation) {
  const Volume volume;
  EXPECT_EQ(volume.Find(kCreated), RunAt(kSunday + kOffset));
  EXPECT_EQ(volume.Find(kSunday - seconds(1)), RunAt(kSunday + kOffset));
}

TEST(DueTest, ARunWaitsForItsOffset) {
  const Volume volume;
  EXPECT_EQ(volume.Find(kSunday), RunAt(kSunday + kOffset));
  EXPECT_EQ(volume.Find(kSunday + kOffset - seconds(1)), RunAt(kSunday + kOffset));
  EXPECT_EQ(volume.Find(kSunday + kOffset), RunAt(kSunday + kOffset));
}

TEST(DueTest, ARunStaysOwedUntilItEnds) {
  Volume volume;
  EXPECT_EQ(volume.Find(kSunday + days(3)), RunAt(kSunday + kOffset));
  volume.history.last_run = kSunday + days(3);
  EXPECT_EQ(volume.Find(kSunday + days(3)), RunAt(kNextSunday + kOffset));
}

TEST(DueTest, ARunThatEndedIsNotRepeated) {
  Volume volume;
  volume.history.last_run = kSunday + kOffset;
  EXPECT_EQ(volume.Find(kSunday + kOffset), RunAt(kNextSunday + kOffset));
  EXPECT_EQ(volume.Find(kSunday + days(6)), RunAt(kNextSunday + kOffset));
}

TEST(DueTest, ARotationByHandBetweenTickAndOffsetCountsAsTheRun) {
  Volume volume;
  volume.history.last_run = kSunday + seconds(10);
  EXPECT_EQ(volume.Find(kSunday + kOffset), RunAt(kNextSunday + kOffset));
  volume.history.last_run = kSunday - seconds(10);
  EXPECT_EQ(volume.Find(kSunday + kOffset), RunAt(kSunday + kOffset));
}

TEST(DueTest, TheOffsetIsLessThanTheTimeToTheNextTick) {
  Volume volume;
  volume.schedule = "* * * * *";
  EXPECT_EQ(volume.Find(kCreated), RunAt(kCreated + minutes(1) + seconds(58)));
}

TEST(DueTest, AWindowOfZeroIsNoOffset) {
  const Volume volume = OnTheTick("@weekly");
  EXPECT_EQ(volume.Find(kCreated), RunAt(kSunday));
  EXPECT_EQ(volume.Find(kSunday), RunAt(kSunday));
}

TEST(DueTest, ManyMissedTicksAreOneRunWithTheNameOfTheLast) {
  Volume volume;
  const WallTime now = kSunday + days(7 * 200) + hours(1);
  EXPECT_EQ(volume.Find(now)->scheduled_at, kSunday + days(7 * 200) + kOffset);
  EXPECT_LE(volume.Find(now)->start, now);
  volume.history.last_run = now;
  EXPECT_EQ(volume.Find(now), RunAt(kSunday + days(7 * 201) + kOffset));
}

TEST(DueTest, MoreThanAHundredMissedTicksAreOneRun) {
  Volume volume = OnTheTick("* * * * *");
  const WallTime now = kCreated + days(3) + seconds(30);
  EXPECT_EQ(volume.Find(now)->scheduled_at, kCreated + days(3));
  EXPECT_LE(volume.Find(now)->start, now);
  volume.history.last_run = now;
  EXPECT_EQ(volume.Find(now)->scheduled_at, kCreated + days(3) + minutes(1));
}

// The tick of 13:00 has the offset 1438 s, and so has that of 14:00.
TEST(DueTest, AnOverdueRunDoesNotWaitForTheOffsetOfALaterTick) {
  Volume volume;
  volume.schedule = "@hourly";
  const WallTime tick = kCreated + hours(1);
  const NextRun owed = RunAt(tick + kOffset);
  EXPECT_EQ(volume.Find(tick + minutes(59)), owed);
  EXPECT_EQ(volume.Find(tick + minutes(61)), owed);
  const WallTime later = tick + hours(1) + kOffset;
  EXPECT_EQ(volume.Find(later)->scheduled_at, later);
  EXPECT_EQ(volume.Find(later)->start, tick + kOffset);
}

TEST(DueTest, WhatNeverComesIsNeverDue) {
  for (const char* schedule : {"0 0 30 2 *", ", * * * *", "@every 2540400h"}) {
    Volume volume;
    volume.schedule = schedule;
    EXPECT_EQ(volume.Find(kCreated + days(1000)), std::nullopt) << schedule;
  }
}

TEST(DueTest, NoVolumeIsRotatedTwiceAMinute) {
  Volume volume = OnTheTick("@every 1s");
  EXPECT_EQ(volume.Find(kCreated + seconds(1)), RunAt(kCreated + seconds(1)));
  volume.history.last_run = kSunday;
  EXPECT_EQ(volume.Find(kSunday)->start, kSunday + minutes(1));
  EXPECT_EQ(volume.Find(kSunday + minutes(1))->start, kSunday + minutes(1));
  EXPECT_EQ(volume.Find(kSunday + minutes(5))->scheduled_at, kSunday + minutes(5));
}

TEST(DueTest, EveryCountsFromTheLastRun) {
  Volume volume = OnTheTick("@every 36h");
  EXPECT_EQ(volume.Find(kCreated), RunAt(kCreated + hours(36)));
  volume.history.last_run = kSunday + minutes(7);
  EXPECT_EQ(volume.Find(kSunday + hours(1)), RunAt(kSunday + hours(36) + minutes(7)));
}

TEST(DueTest, TicksAreThoseOfTheZone) {
  Volume volume = OnTheTick("CRON_TZ=Europe/Berlin 30 2 * * *");
  // Put forward on 2026-03-29: that night has no 02:30.
  volume.history.last_run = At("2026-03-28T01:30:00Z");
  EXPECT_EQ(volume.Find(At("2026-03-29T12:00:00Z")), RunAt(At("2026-03-30T00:30:00Z")));
}

TEST(DueTest, ATooLateRunIsLeftOut) {
  Volume volume;
  volume.options.starting_deadline = minutes(10);
  const WallTime scheduled = kSunday + kOffset;
  EXPECT_EQ(volume.Find(scheduled + minutes(10)), RunAt(scheduled));
  EXPECT_EQ(volume.Find(scheduled + minutes(10) + seconds(1)), RunAt(kNextSunday + kOffset));
}

TEST(DueTest, DeadlinesOfAnySizeAreTaken) {
  Volume volume;
  volume.options.starting_deadline = seconds(std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(volume.Find(kSunday + days(3)), RunAt(kSunday + kOffset));
  volume.options.starting_deadline = seconds(std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(volume.Find(kSunday + days(3)), RunAt(kNextSunday + kOffset));
}

TEST(DueTest, ADelayDoublesUpToTheLongest) {
  const std::pair<int, int> cases[] = {{1, 5},   {2, 10},   {3, 20},    {4, 40},
                                       {7, 320}, {9, 1280}, {10, 1800}, {1'000'000, 1800}};
  for (const auto& [failures, delay] : cases) {
    EXPECT_GE(RetryDelay(kUid, failures), seconds(delay)) << failures;
    EXPECT_LE(RetryDelay(kUid, failures), seconds(delay + delay / 4)) << failures;
  }
  EXPECT_EQ(RetryDelay(kUid, 0), RetryDelay(kUid, 1));
}

// csi-and-addons 3.1: seven attempts within 600 s.
TEST(DueTest, AJobsAttemptsFitIntoItsDeadline) {
  for (const char* uid : {"", "a", "b", "c", "d", "e"}) {
    seconds sum(0);
    for (int failures = 1; failures <= 6; ++failures) {
      sum += RetryDelay(uid, failures);
    }
    EXPECT_LT(sum, seconds(600)) << uid;
  }
}

TEST(DueTest, DelaysOfVolumesThatFailedAtOnceDiffer) {
  seconds least = seconds::max();
  seconds most(0);
  for (int n = 0; n < 100; ++n) {
    const seconds delay = RetryDelay(Cat("uid-", n), 10);
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_GT(most - least, seconds(300));
}

TEST(DueTest, AFailedRunWaits) {
  Volume volume;
  const WallTime failed = kSunday + kOffset + seconds(3);
  volume.history.failures = 1;
  volume.history.last_failure = failed;
  const WallTime again = failed + RetryDelay(kUid, 1);
  const NextRun expected = {.scheduled_at = kSunday + kOffset, .start = again};
  EXPECT_EQ(volume.Find(failed), expected);
  EXPECT_EQ(volume.Find(again), expected);
  volume.history.failures = 4;
  EXPECT_EQ(volume.Find(failed)->start, failed + RetryDelay(kUid, 4));
}

TEST(DueTest, AFailureInTheFutureCountsAsNow) {
  Volume volume;
  volume.history.failures = 1;
  volume.history.last_failure = kSunday + days(3000);
  const WallTime now = kSunday + days(1);
  EXPECT_EQ(volume.Find(now)->start, now + RetryDelay(kUid, 1));
}

TEST(DueTest, ALastRunInTheFutureIsAwaitedUnlessTheClockWasWrong) {
  Volume volume = OnTheTick("@hourly");
  volume.history.last_run = kSunday + hours(5);
  EXPECT_EQ(volume.Find(kSunday), RunAt(kSunday + hours(6)));
  volume.history.last_run = kSunday + days(3000);
  EXPECT_EQ(volume.Find(kSunday)->scheduled_at, kSunday);
  EXPECT_LE(volume.Find(kSunday)->start, kSunday);
}

TEST(DueTest, ACreationInTheFutureIsNow) {
  Volume volume;
  volume.history.since = kSunday + days(3000);
  EXPECT_EQ(volume.Find(kCreated), RunAt(kSunday + kOffset));
}

// The scheduler was away from Saturday to Tuesday.
TEST(DueTest, ABacklogIsSpreadOverTheWindowAfterAnOutage) {
  const Outage outage = {.begin = kSunday - days(1), .end = kSunday + days(2)};
  std::array<int, 4> parts = {};
  for (int n = 0; n < 1000; ++n) {
    Volume volume;
    volume.history.uid = Cat("uid-", n);
    volume.options.outage = outage;
    const NextRun run = *volume.Find(outage.end);
    EXPECT_LT(run.scheduled_at, kSunday + kWindow);
    ASSERT_GE(run.start, outage.end);
    ASSERT_LT(run.start, outage.end + kWindow);
    ++parts[static_cast<std::size_t>((run.start - outage.end) / minutes(30))];
    // The same one at each pass, until it ran.
    EXPECT_EQ(volume.Find(outage.end + days(1)), run);
  }
  for (const int count : parts) {
    EXPECT_GT(count, 190);
    EXPECT_LT(count, 310);
  }
}

TEST(DueTest, AnOutageDoesNotHoldUpWhatItDidNotPrevent) {
  Volume volume;
  // Owed since before it.
  volume.options.outage = {.begin = kSunday + days(1), .end = kSunday + days(2)};
  EXPECT_EQ(volume.Find(kSunday + days(2)), RunAt(kSunday + kOffset));
  // Its offset comes after it.
  volume.options.outage = {.begin = kSunday - days(1), .end = kSunday + kOffset};
  EXPECT_EQ(volume.Find(kSunday + kOffset), RunAt(kSunday + kOffset));
}

TEST(DueTest, AShortOutageHoldsUpNoLongerThanItWas) {
  Volume volume;
  const WallTime end = kSunday + kOffset + seconds(5);
  volume.options.outage = {.begin = end - seconds(15), .end = end};
  EXPECT_GE(volume.Find(end)->start, end);
  EXPECT_LT(volume.Find(end)->start, end + seconds(15));
}

// A leader that is replaced every ten seconds, from just before the run on.
TEST(DueTest, NoRowOfOutagesPutsARunOff) {
  Volume volume;
  WallTime now = kSunday + kOffset - seconds(5);
  while (now < kSunday + kWindow) {
    volume.options.outage = {.begin = now, .end = now + seconds(9)};
    now += seconds(10);
    if (volume.Find(now)->start <= now) {
      break;
    }
  }
  EXPECT_LE(now, kSunday + kOffset + seconds(20));
}

TEST(DueTest, ABacklogKeepsToTheDeadline) {
  Volume volume;
  volume.options.starting_deadline = minutes(10);
  const WallTime scheduled = kSunday + kOffset;
  const WallTime end = scheduled + minutes(9);
  volume.options.outage = {.begin = kSunday - days(1), .end = end};
  EXPECT_EQ(volume.Find(end)->start, scheduled + minutes(10));
}

}  // namespace
}  // namespace rbdcrypt::rotation
