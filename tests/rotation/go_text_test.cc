// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/go_text.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rbdcrypt::rotation {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(GoTextTest, SpaceIsUnicodes) {
  EXPECT_EQ(TrimGoSpace(" \t\n\v\f\r a b \u0085\u00A0\u2003\u3000"), "a b");
  EXPECT_EQ(TrimGoSpace("\u2028"), "");
  EXPECT_EQ(TrimGoSpace(""), "");
  // A zero-width space is none (White_Space=No), and neither is half a character.
  EXPECT_EQ(TrimGoSpace("\u200B"), "\u200B");
  EXPECT_EQ(TrimGoSpace("\xC2"), "\xC2");
}

TEST(GoTextTest, FieldsStandBetweenRunsOfSpace) {
  EXPECT_THAT(GoFields(" a\u00A0\tbc  d "), ElementsAre("a", "bc", "d"));
  EXPECT_THAT(GoFields("abc"), ElementsAre("abc"));
  EXPECT_THAT(GoFields(""), IsEmpty());
  EXPECT_THAT(GoFields(" \n"), IsEmpty());
}

TEST(GoTextTest, NumbersHaveAnOptionalSign) {
  EXPECT_EQ(ParseGoInt("0"), 0);
  EXPECT_EQ(ParseGoInt("+007"), 7);
  EXPECT_EQ(ParseGoInt("-7"), -7);
  EXPECT_EQ(ParseGoInt("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(ParseGoInt("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  for (const char* text : {"", "+", "-", "--1", " 1", "1 ", "1_0", "0x1", "1.0",
                           "9223372036854775808", "-9223372036854775809"}) {
    EXPECT_FALSE(ParseGoInt(text).has_value()) << text;
  }
}

TEST(GoTextTest, DurationsAreSumsOfUnits) {
  EXPECT_EQ(ParseGoDuration("1h30m"), minutes(90));
  EXPECT_EQ(ParseGoDuration("-1.5h"), -minutes(90));
  EXPECT_EQ(ParseGoDuration("+.5s"), std::chrono::milliseconds(500));
  EXPECT_EQ(ParseGoDuration("1.s"), seconds(1));
  EXPECT_EQ(ParseGoDuration("0"), seconds(0));
  EXPECT_EQ(ParseGoDuration("-0"), seconds(0));
  EXPECT_EQ(ParseGoDuration("1s2h1s"), hours(2) + seconds(2));
  EXPECT_EQ(ParseGoDuration("1ns1us1\u00B5s1\u03BCs1ms"), nanoseconds(1'003'001));
  // As Go's own test of a fraction that is longer than 63 bits (time/time_test.go).
  EXPECT_EQ(ParseGoDuration("0.3333333333333333333h"), minutes(20));
}

TEST(GoTextTest, DurationsEndWhereSixtyThreeBitsDo) {
  EXPECT_EQ(ParseGoDuration("9223372036854775807ns"), nanoseconds::max());
  EXPECT_EQ(ParseGoDuration("-9223372036854775808ns"), nanoseconds::min());
  EXPECT_EQ(ParseGoDuration("2562047h47m16.854775807s"), nanoseconds::max());
  for (const char* text :
       {"9223372036854775808ns", "-9223372036854775809ns", "2562047h47m16.854775808s", "3000000h",
        "9223372036854775807ns1ns", "-9223372036854775808ns9223372036854775808ns"}) {
    EXPECT_FALSE(ParseGoDuration(text).has_value()) << text;
  }
}

TEST(GoTextTest, AnythingElseIsNoDuration) {
  for (const char* text : {"", "+", "-", "1", "h", ".h", "1d", "1H", " 1h", "1h ", "1h 1m", "--1h",
                           "1h-1m", "0x1s", "1e3s", ".", "1.2.3s"}) {
    EXPECT_FALSE(ParseGoDuration(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace rbdcrypt::rotation
