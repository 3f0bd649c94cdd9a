// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/cron_fields.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rotation {
namespace {

using ::testing::HasSubstr;
using testing::StatusIs;
using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): 2026y/1/1

std::uint64_t Set(std::initializer_list<int> numbers) {
  std::uint64_t set = 0;
  for (const int n : numbers) {
    set |= 1ULL << n;
  }
  return set;
}

CronFields Parsed(std::string_view text) {
  const Result<CronFields> fields = ParseCronFields(text);
  EXPECT_THAT(fields, testing::IsOk()) << text;
  return fields.value_or(CronFields());
}

TEST(CronFieldsTest, EachFieldIsASet) {
  const CronFields fields = Parsed("0,30 6-8 1/10 2-12/5 */3");
  EXPECT_EQ(fields.minutes, Set({0, 30}));
  EXPECT_EQ(fields.hours, Set({6, 7, 8}));
  EXPECT_EQ(fields.days, Set({1, 11, 21, 31}));
  EXPECT_EQ(fields.months, Set({2, 7, 12}));
  EXPECT_EQ(fields.weekdays, Set({0, 3, 6}));
}

TEST(CronFieldsTest, AllIsFromTheLeastToTheMost) {
  const CronFields fields = Parsed("* * * * *");
  EXPECT_EQ(fields.minutes, (1ULL << 60) - 1);
  EXPECT_EQ(fields.hours, (1ULL << 24) - 1);
  EXPECT_EQ(fields.days, (1ULL << 32) - 2);
  EXPECT_EQ(fields.months, (1ULL << 13) - 2);
  EXPECT_EQ(fields.weekdays, (1ULL << 7) - 1);
  EXPECT_EQ(Parsed("? ? ? ? ?"), fields);
}

TEST(CronFieldsTest, MonthsAndWeekdaysHaveNamesInAnyCase) {
  EXPECT_EQ(Parsed("0 0 * jan,FEB,Dec Sun-tue"), Parsed("0 0 * 1,2,12 0-2"));
  EXPECT_EQ(Parsed("0 0 * mar-MAY/2 fri/1"), Parsed("0 0 * 3-5/2 5-6"));
  for (const char* text : {"jan * * * *", "* * * sun *", "* * * * jan", "* * * january *",
                           "* * * * su", "* * * * */mon"}) {
    EXPECT_THAT(ParseCronFields(text), StatusIs(Code::kInvalidArgument)) << text;
  }
}

TEST(CronFieldsTest, WhatIsOutOfBoundsIsRefusedByName) {
  const std::pair<const char*, const char*> cases[] = {{"60 * * * *", "minute \"60\""},
                                                       {"* 24 * * *", "hour \"24\""},
                                                       {"* * 0 * *", "day \"0\""},
                                                       {"* * 32 * *", "day \"32\""},
                                                       {"* * * 0 *", "month \"0\""},
                                                       {"* * * 13 *", "month \"13\""},
                                                       {"* * * * 7", "weekday \"7\""},
                                                       {"* * * * 5-7", "weekday \"5-7\""},
                                                       {"5-4 * * * *", "minute \"5-4\""},
                                                       {"* * * * sat-sun", "weekday \"sat-sun\""},
                                                       {"-1 * * * *", "minute \"-1\""},
                                                       {"1- * * * *", "minute \"1-\""},
                                                       {"1-2-3 * * * *", "minute \"1-2-3\""},
                                                       {"*/0 * * * *", "minute \"*/0\""},
                                                       {"*/-1 * * * *", "minute \"*/-1\""},
                                                       {"*/ * * * *", "minute \"*/\""},
                                                       {"1/2/3 * * * *", "minute \"1/2/3\""},
                                                       {"1,x * * * *", "minute \"x\""},
                                                       {"* * L * *", "day \"L\""},
                                                       {"* * 15W * *", "day \"15W\""},
                                                       {"* * * * 1#2", "weekday \"1#2\""},
                                                       {"1.5 * * * *", "minute \"1.5\""}};
  for (const auto& [text, what] : cases) {
    EXPECT_THAT(ParseCronFields(text), StatusIs(Code::kInvalidArgument, HasSubstr(what))) << text;
  }
}

TEST(CronFieldsTest, ThereAreFive) {
  for (const char* text : {"", " ", "*", "* * * *", "* * * * * *", "0 * * * * *"}) {
    EXPECT_THAT(ParseCronFields(text), StatusIs(Code::kInvalidArgument, HasSubstr("5 fields")))
        << text;
  }
  EXPECT_EQ(Parsed(" 1\t2 \u00A0 3\n4  5 "), Parsed("1 2 3 4 5"));
}

TEST(CronFieldsTest, AStepGoesAsFarAsTheRangeDoes) {
  EXPECT_EQ(Parsed("59/9223372036854775807 * * * *").minutes, Set({59}));
  EXPECT_EQ(Parsed("0/59 * * * *").minutes, Set({0, 59}));
  EXPECT_EQ(Parsed("0/60 * * * *").minutes, Set({0}));
  EXPECT_EQ(Parsed("50-57/3 * * * *").minutes, Set({50, 53, 56}));
  EXPECT_THAT(ParseCronFields("0/9223372036854775808 * * * *"), StatusIs(Code::kInvalidArgument));
}

TEST(CronFieldsTest, LenienciesAreThoseOfCsiAddons) {
  EXPECT_EQ(Parsed(",5,,6, * * * *").minutes, Set({5, 6}));
  EXPECT_EQ(Parsed(", * * * *").minutes, Set({}));
  EXPECT_EQ(Parsed("*-5 ?-x-y * * *"), Parsed("* * * * *"));
  EXPECT_EQ(Parsed("*-5/30 * * * *").minutes, Set({0, 30}));
  EXPECT_EQ(Parsed("+5 007 * * *"), Parsed("5 7 * * *"));
}

// 2026-01-01 is a Thursday.
TEST(CronFieldsTest, OneOfDayAndWeekdayIsEnoughWhereBothAreRestricted) {
  const CronFields fields = Parsed("0 0 13 * fri");
  EXPECT_TRUE(fields.HasDay(2026y / 1 / 13));
  EXPECT_TRUE(fields.HasDay(2026y / 1 / 2));
  EXPECT_FALSE(fields.HasDay(2026y / 1 / 14));
}

TEST(CronFieldsTest, BothMustMatchWhereOneIsAStar) {
  for (const char* text : {"0 0 * * fri", "0 0 ? * fri", "0 0 */1 * fri", "0 0 1,* * fri"}) {
    EXPECT_TRUE(Parsed(text).HasDay(2026y / 1 / 2)) << text;
    EXPECT_FALSE(Parsed(text).HasDay(2026y / 1 / 1)) << text;
  }
  EXPECT_TRUE(Parsed("0 0 13 * *").HasDay(2026y / 1 / 13));
  EXPECT_FALSE(Parsed("0 0 13 * *").HasDay(2026y / 1 / 2));
}

TEST(CronFieldsTest, AStepOrAFullRangeIsARestriction) {
  // Odd days, and Fridays.
  EXPECT_TRUE(Parsed("0 0 */2 * fri").HasDay(2026y / 1 / 2));
  EXPECT_TRUE(Parsed("0 0 */2 * fri").HasDay(2026y / 1 / 3));
  EXPECT_FALSE(Parsed("0 0 */2 * fri").HasDay(2026y / 1 / 4));
  EXPECT_TRUE(Parsed("0 0 1-31 * fri").HasDay(2026y / 1 / 1));
}

}  // namespace
}  // namespace rbdcrypt::rotation
