// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/cron.h"

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rotation {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::StatusIs;

WallTime At(std::string_view text) {
  const auto time = k8s::ParseTime(text);
  EXPECT_TRUE(time.has_value()) << text;
  return time.value_or(WallTime());
}

std::string Text(std::optional<WallTime> time) {
  return time.has_value() ? k8s::FormatTime(*time) : "never";
}

CronSchedule Parsed(std::string_view text) {
  Result<CronSchedule> schedule = CronSchedule::Parse(text);
  EXPECT_THAT(schedule, testing::IsOk()) << text;
  return schedule.ok() ? *schedule : *CronSchedule::Parse("@weekly");
}

std::string Next(std::string_view schedule, std::string_view after) {
  return Text(Parsed(schedule).Next(At(after)));
}

// The next ticks, as many as fit; "never" ends them.
std::vector<std::string> Ticks(std::string_view schedule, std::string_view after, int count) {
  std::vector<std::string> ticks;
  for (std::optional<WallTime> time = At(after); time.has_value() && count > 0; --count) {
    time = Parsed(schedule).Next(*time);
    ticks.push_back(Text(time));
  }
  return ticks;
}

TEST(CronTest, DescriptorsStandForFields) {
  // A Thursday.
  constexpr std::string_view kAfter = "2026-01-01T00:00:00Z";
  const std::pair<const char*, const char*> cases[] = {
      {"@yearly", "2027-01-01T00:00:00Z"},  {"@annually", "2027-01-01T00:00:00Z"},
      {"@monthly", "2026-02-01T00:00:00Z"}, {"@weekly", "2026-01-04T00:00:00Z"},
      {"@daily", "2026-01-02T00:00:00Z"},   {"@midnight", "2026-01-02T00:00:00Z"},
      {"@hourly", "2026-01-01T01:00:00Z"},  {"@every 36h", "2026-01-02T12:00:00Z"}};
  for (const auto& [schedule, tick] : cases) {
    EXPECT_EQ(Next(schedule, kAfter), tick) << schedule;
  }
}

TEST(CronTest, DescriptorsAreTakenExactly) {
  for (const char* text : {"@Weekly", "@weekly ", " @weekly", "@reboot", "@every", "@every1h", "@",
                           "@every  1h", "@every 1h ", "@every 1d", "@every h", "weekly"}) {
    EXPECT_THAT(CronSchedule::Parse(text), StatusIs(Code::kInvalidArgument)) << text;
  }
}

TEST(CronTest, ATickIsLaterThanTheTimeAskedFrom) {
  EXPECT_EQ(Next("30 4 * * *", "2026-01-01T04:29:59Z"), "2026-01-01T04:30:00Z");
  EXPECT_EQ(Next("30 4 * * *", "2026-01-01T04:29:59.999999999Z"), "2026-01-01T04:30:00Z");
  EXPECT_EQ(Next("30 4 * * *", "2026-01-01T04:30:00Z"), "2026-01-02T04:30:00Z");
  EXPECT_EQ(Next("30 4 * * *", "2026-01-01T04:30:00.5Z"), "2026-01-02T04:30:00Z");
}

TEST(CronTest, TheYearEnds) {
  EXPECT_EQ(Next("* * * * *", "2026-12-31T23:59:30Z"), "2027-01-01T00:00:00Z");
  EXPECT_EQ(Next("59 23 31 12 *", "2026-12-31T23:59:00Z"), "2027-12-31T23:59:00Z");
}

TEST(CronTest, ALeapDayComesInLeapYears) {
  EXPECT_EQ(Next("0 0 29 2 *", "2026-01-01T00:00:00Z"), "2028-02-29T00:00:00Z");
  EXPECT_EQ(Next("0 0 29 2 *", "2028-02-29T00:00:00Z"), "2032-02-29T00:00:00Z");
  EXPECT_THAT(Ticks("0 0 31 * *", "2026-01-31T00:00:00Z", 2),
              ElementsAre("2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"));
  // 2100 is none, and 2104 is further than five years away.
  EXPECT_EQ(Next("0 0 29 2 *", "2096-02-29T00:00:00Z"), "never");
  EXPECT_EQ(Next("0 0 29 2 *", "2099-01-01T00:00:00Z"), "2104-02-29T00:00:00Z");
}

TEST(CronTest, WhatNeverComesNeverComes) {
  for (const char* text : {"0 0 30 2 *", "0 0 31 2,4,6,9,11 *", ", * * * *", "* , * * *",
                           "* * , * *", "* * * , *", "* * * * ,", "TZ=Europe/Berlin 0 0 30 2 *"}) {
    EXPECT_EQ(Next(text, "2026-01-01T00:00:00Z"), "never") << text;
    EXPECT_EQ(Parsed(text).Latest(At("2000-01-01T00:00:00Z"), At("2026-01-01T00:00:00Z")),
              std::nullopt);
  }
  // An empty set of days leaves the weekdays, where those are restricted.
  EXPECT_EQ(Next("0 0 , * sun", "2026-01-01T00:00:00Z"), "2026-01-04T00:00:00Z");
}

TEST(CronTest, EveryIsCutToSecondsOfWhichThereIsOne) {
  constexpr std::string_view kAfter = "2026-01-01T00:00:00.75Z";
  EXPECT_EQ(Next("@every 1.9s", kAfter), "2026-01-01T00:00:01Z");
  for (const char* text : {"@every 0", "@every 999ms", "@every -5h", "TZ=Asia/Tokyo @every 1s"}) {
    EXPECT_EQ(Next(text, kAfter), "2026-01-01T00:00:01Z") << text;
  }
}

TEST(CronTest, EveryEndsWhereTimeDoes) {
  EXPECT_EQ(Next("@every 2540400h", "2026-01-01T00:00:00Z"), "never");
  EXPECT_EQ(Parsed("@every 1h").Next(WallTime::max() - seconds(1)), std::nullopt);
  EXPECT_EQ(Parsed("@yearly").Next(WallTime::max() - seconds(1)), std::nullopt);
}

TEST(CronTest, TimesOfDayAreThoseOfTheZone) {
  EXPECT_EQ(Next("0 9 * * *", "2026-01-01T00:00:00Z"), "2026-01-01T09:00:00Z");
  EXPECT_EQ(Next("TZ=Asia/Tokyo 0 9 * * *", "2026-01-01T00:00:00Z"), "2026-01-02T00:00:00Z");
  EXPECT_EQ(Next("CRON_TZ=Asia/Tokyo @weekly", "2026-01-01T00:00:00Z"), "2026-01-03T15:00:00Z");
  EXPECT_EQ(Next("CRON_TZ=Asia/Kathmandu \t@daily ", "2026-01-01T00:00:00Z"),
            "2026-01-01T18:15:00Z");
  for (const char* text :
       {"TZ=UTC", "CRON_TZ=", "TZ=Europe/Berlin", "TZ=UTC\t* * * * *", "TZ=Nowhere * * * * *",
        "TZ=UTC ", " TZ=UTC * * * * *", "TZ=UTC TZ=UTC * * * * *", "TZ=UTC  * * * *"}) {
    EXPECT_THAT(CronSchedule::Parse(text), StatusIs(Code::kInvalidArgument)) << text;
  }
  EXPECT_THAT(CronSchedule::Parse("TZ=Nowhere @daily"),
              StatusIs(Code::kInvalidArgument, HasSubstr("\"Nowhere\"")));
}

TEST(CronTest, ASkippedTimeOfDayDoesNotTick) {
  // Berlin: 2025-03-30, 02:00 becomes 03:00.
  EXPECT_THAT(Ticks("CRON_TZ=Europe/Berlin 30 2 * * *", "2025-03-28T12:00:00Z", 2),
              ElementsAre("2025-03-29T01:30:00Z", "2025-03-31T00:30:00Z"));
  EXPECT_THAT(Ticks("CRON_TZ=Europe/Berlin 30 * * * *", "2025-03-29T23:45:00Z", 3),
              ElementsAre("2025-03-30T00:30:00Z", "2025-03-30T01:30:00Z", "2025-03-30T02:30:00Z"));
  // New York: 2025-03-09, 02:00 becomes 03:00.
  EXPECT_THAT(Ticks("CRON_TZ=America/New_York 0 2 9 3 *", "2025-01-01T00:00:00Z", 1),
              ElementsAre("2026-03-09T06:00:00Z"));
  EXPECT_THAT(Ticks("CRON_TZ=America/New_York 0 3 * * *", "2025-03-08T12:00:00Z", 2),
              ElementsAre("2025-03-09T07:00:00Z", "2025-03-10T07:00:00Z"));
}

TEST(CronTest, ATimeOfDayThatComesTwiceTicksTwice) {
  // Berlin: 2025-10-26, 03:00 becomes 02:00.
  EXPECT_THAT(Ticks("CRON_TZ=Europe/Berlin 30 2 * * *", "2025-10-25T12:00:00Z", 3),
              ElementsAre("2025-10-26T00:30:00Z", "2025-10-26T01:30:00Z", "2025-10-27T01:30:00Z"));
  EXPECT_THAT(Ticks("CRON_TZ=Europe/Berlin 0 3 * * *", "2025-10-25T12:00:00Z", 1),
              ElementsAre("2025-10-26T02:00:00Z"));
  // New York: 2025-11-02, 02:00 becomes 01:00.
  EXPECT_THAT(Ticks("CRON_TZ=America/New_York 59 1 * * *", "2025-11-01T12:00:00Z", 3),
              ElementsAre("2025-11-02T05:59:00Z", "2025-11-02T06:59:00Z", "2025-11-03T06:59:00Z"));
}

TEST(CronTest, ADayWithoutMidnightHasItsOtherHours) {
  // Cairo: Friday 2025-04-25, 00:00 becomes 01:00.
  EXPECT_THAT(Ticks("CRON_TZ=Africa/Cairo 0 5 * * fri", "2025-04-20T00:00:00Z", 2),
              ElementsAre("2025-04-25T02:00:00Z", "2025-05-02T02:00:00Z"));
  EXPECT_THAT(Ticks("CRON_TZ=Africa/Cairo 0 0 * * fri", "2025-04-20T00:00:00Z", 1),
              ElementsAre("2025-05-01T21:00:00Z"));
  // Lord Howe: Sunday 2025-10-05, 02:00 becomes 02:30.
  EXPECT_THAT(Ticks("CRON_TZ=Australia/Lord_Howe 0 3 * * sun", "2025-10-01T00:00:00Z", 1),
              ElementsAre("2025-10-04T16:00:00Z"));
  EXPECT_THAT(Ticks("CRON_TZ=Australia/Lord_Howe */15 2 * * sun", "2025-10-01T00:00:00Z", 3),
              ElementsAre("2025-10-04T15:30:00Z", "2025-10-04T15:45:00Z", "2025-10-11T15:00:00Z"));
}

TEST(CronTest, TheLatestTickIsFoundHoweverManyThereAre) {
  const auto latest = [](std::string_view schedule, std::string_view after,
                         std::string_view until) {
    return Text(Parsed(schedule).Latest(At(after), At(until)));
  };
  constexpr std::string_view kLong = "2000-06-15T12:34:56.5Z";
  EXPECT_EQ(latest("* * * * *", kLong, "2026-01-01T00:00:59.9Z"), "2026-01-01T00:00:00Z");
  EXPECT_EQ(latest("* * * * *", kLong, "2026-01-01T00:00:00Z"), "2026-01-01T00:00:00Z");
  EXPECT_EQ(latest("@weekly", kLong, "2026-01-01T00:00:00Z"), "2025-12-28T00:00:00Z");
  EXPECT_EQ(latest("@yearly", kLong, "2025-12-31T23:59:59Z"), "2025-01-01T00:00:00Z");
  EXPECT_EQ(latest("@yearly", "2025-01-01T00:00:00Z", "2025-12-31T23:59:59Z"), "never");
  EXPECT_EQ(latest("@yearly", "2024-12-31T23:59:59Z", "2025-01-01T00:00:00Z"),
            "2025-01-01T00:00:00Z");
  EXPECT_EQ(latest("@every 1h", kLong, "2026-01-01T00:00:00Z"), "2025-12-31T23:34:56Z");
  EXPECT_EQ(latest("@every 1h", kLong, "2000-06-15T13:34:55Z"), "never");
  EXPECT_EQ(latest("@hourly", "2026-01-01T00:00:00Z", "2000-01-01T00:00:00Z"), "never");
  EXPECT_EQ(latest("CRON_TZ=Europe/Berlin 30 2 * * *", kLong, "2025-10-26T12:00:00Z"),
            "2025-10-26T01:30:00Z");
}

// tests/vectors/cron/SOURCE. Each line: an expression, a time, and what robfig/cron says.
TEST(CronTest, RecordedExpressionsAreReadAsByCsiAddons) {
  std::ifstream file(RBDCRYPT_VECTORS "/cron/robfig.tsv");
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    const std::vector<std::string> fields = Split(line, '\t');
    ASSERT_GE(fields.size(), 3U) << line;
    const Result<CronSchedule> schedule = CronSchedule::Parse(fields[0]);
    ASSERT_EQ(schedule.ok(), fields[2] != "refused") << line;
    WallTime time{seconds(std::stoll(fields[1]))};
    for (std::size_t i = 2; schedule.ok() && i < fields.size(); ++i) {
      const auto next = schedule->Next(time);
      ASSERT_EQ(next.has_value(), fields[i] != "never") << line;
      time = next.value_or(time);
      ASSERT_TRUE(fields[i] == "never" ||
                  time.time_since_epoch() / seconds(1) == std::stoll(fields[i]))
          << line << " and not " << k8s::FormatTime(time);
    }
  }
  EXPECT_GT(lines, 600);
}

}  // namespace
}  // namespace rbdcrypt::rotation
