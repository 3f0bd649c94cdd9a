// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/strings.h"

#include <cstdint>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rbdcrypt {
namespace {

using ::testing::ElementsAre;

TEST(StringsTest, CatJoinsTextCharactersAndNumbers) {
  EXPECT_EQ(Cat("slot ", 1, '/', std::uint64_t{32}, std::string_view(": "), std::string("ok")),
            "slot 1/32: ok");
  EXPECT_EQ(Cat(std::numeric_limits<std::uint64_t>::max(), " ", -5), "18446744073709551615 -5");
  EXPECT_EQ(Cat(), "");
}

TEST(StringsTest, SplitKeepsEmptyFields) {
  EXPECT_THAT(Split("a,,b", ','), ElementsAre("a", "", "b"));
  EXPECT_THAT(Split("", ','), ElementsAre(""));
  EXPECT_THAT(Split(",", ','), ElementsAre("", ""));
  EXPECT_THAT(Split("whole", ','), ElementsAre("whole"));
}

TEST(StringsTest, JoinPutsSeparatorsOnlyBetween) {
  EXPECT_EQ(Join({"a", "", "b"}, ", "), "a, , b");
  EXPECT_EQ(Join({"", "a"}, ","), ",a");
  EXPECT_EQ(Join({}, ","), "");
}

TEST(StringsTest, TrimTakesAsciiWhiteSpaceFromBothEnds) {
  EXPECT_EQ(Trim(" \t\r\n\v\fa b\n"), "a b");
  EXPECT_EQ(Trim(" \n "), "");
  EXPECT_EQ(Trim(""), "");
}

TEST(StringsTest, ParseUint64TakesWholeDecimalNumbersOnly) {
  EXPECT_EQ(ParseUint64("0"), 0U);
  EXPECT_EQ(ParseUint64("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  for (const char* text : {"", "18446744073709551616", "-1", "+1", " 1", "1 ", "0x1", "1.0", "a"}) {
    EXPECT_EQ(ParseUint64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace rbdcrypt
