// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/utf8.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace rbdcrypt {
namespace {

using namespace std::literals;

TEST(Utf8Test, FirstAndLastOfEachLengthAreWellFormed) {
  EXPECT_EQ(Utf8Length("\0"sv), 1U);
  EXPECT_EQ(Utf8Length("\x7f"), 1U);
  EXPECT_EQ(Utf8Length("\xc2\x80"), 2U);
  EXPECT_EQ(Utf8Length("\xdf\xbf"), 2U);
  EXPECT_EQ(Utf8Length("\xe0\xa0\x80"), 3U);
  EXPECT_EQ(Utf8Length("\xef\xbf\xbf"), 3U);
  EXPECT_EQ(Utf8Length("\xf0\x90\x80\x80"), 4U);
  EXPECT_EQ(Utf8Length("\xf4\x8f\xbf\xbf"), 4U);
}

TEST(Utf8Test, NoTextIsBesideTheTable) {
  for (const std::string_view text :
       {"\x80"sv, "\xc1\xbf"sv, "\xc2"sv, "\xe0\x9f\xbf"sv, "\xed\xa0\x80"sv, "\xe2\x82"sv,
        "\xf0\x8f\xbf\xbf"sv, "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "\xff"sv}) {
    EXPECT_EQ(Utf8Length(text), 0U);
    EXPECT_FALSE(IsUtf8("before"s.append(text)));
  }
  EXPECT_EQ(Utf8Length(""), 0U);
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("K\xc3\xa4se \xe2\x82\xac\0"sv));
}

TEST(Utf8Test, PrintableKeepsCharactersAndDropsWhatMovesACursor) {
  EXPECT_EQ(Printable("K\xc3\xa4se \xe2\x82\xac", 99), "K\xc3\xa4se \xe2\x82\xac");
  EXPECT_EQ(Printable("\x1b[31mred\r\nline\x7f"sv, 99), "[31mred  line");
  EXPECT_EQ(Printable("a\xc2\x9b\x62\xff\xfe\x63\0"sv, 99), "a b  c");
}

TEST(Utf8Test, PrintableCutsBetweenCharacters) {
  EXPECT_EQ(Printable("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 2), "\xe2\x82\xac\xe2\x82\xac");
  EXPECT_EQ(Printable("abcdef", 0), "");
  EXPECT_EQ(Printable("ab    cd", 4), "ab");
}

}  // namespace
}  // namespace rbdcrypt
