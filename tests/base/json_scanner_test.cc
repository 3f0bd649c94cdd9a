// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// The grammar; what is read out of a text is in secret_json_test.cc.
#include "base/json_scanner.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/strings.h"

namespace rbdcrypt {
namespace {

constexpr int kDepth = 4;

// The byte at which the text stops being one JSON value, or npos where it never does.
std::size_t WrongByte(std::string_view text) {
  JsonScanner scanner(text, kDepth);
  if (!scanner.SkipValue() || !scanner.AtEnd()) {
    return scanner.position();
  }
  return std::string_view::npos;
}

bool IsJson(std::string_view text) {
  return WrongByte(text) == std::string_view::npos;
}

TEST(JsonScannerTest, TakesEveryKindOfValue) {
  for (const std::string_view text : {"null",
                                      "true",
                                      "false",
                                      "0",
                                      "-0",
                                      "7",
                                      "-12",
                                      "1.5",
                                      "0.25e10",
                                      "1E+2",
                                      "1e-2",
                                      "\"\"",
                                      R"("a")",
                                      R"("\"\\\/\b\f\n\r\t")",
                                      R"("\u00e9")",
                                      R"("\uD834\udd1e")",
                                      R"("\u0000")",
                                      "\"\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\x7f\"",
                                      "[]",
                                      "[ ]",
                                      "{}",
                                      "{ \n\r\t}",
                                      R"([1, [2], {"a" : [ ] } ])",
                                      R"({"a":1,"a":2,"":null})"}) {
    EXPECT_TRUE(IsJson(text)) << text;
  }
}

TEST(JsonScannerTest, RefusesWhatOnlyLooksLikeAValue) {
  for (const std::string_view text : {"",
                                      " ",
                                      "nul",
                                      "nulL",
                                      "True",
                                      "01",
                                      "-",
                                      "+1",
                                      ".5",
                                      "1.",
                                      "1e",
                                      "1e+",
                                      "0x1",
                                      "NaN",
                                      "'a'",
                                      "\"",
                                      R"("a)",
                                      R"("\)",
                                      R"("\x")",
                                      R"("\u12")",
                                      R"("\u12g4")",
                                      "[",
                                      "[1",
                                      "[1,",
                                      "[1,]",
                                      "[,1]",
                                      "[1 2]",
                                      "]",
                                      "{",
                                      "{a:1}",
                                      R"({"a"})",
                                      R"({"a":})",
                                      R"({"a":1,})",
                                      R"({"a":1 "b":2})",
                                      R"({1:2})",
                                      R"({"a":1])",
                                      "1 2",
                                      "/*c*/1"}) {
    EXPECT_FALSE(IsJson(text)) << text;
  }
}

TEST(JsonScannerTest, RefusesHalvesOfSurrogatePairs) {
  for (const std::string_view text : {R"("\ud834")", R"("\ud834x")", R"("\ud834\n")",
                                      R"("\ud834\u0041")", R"("\ud834\ud834")", R"("\udd1e")"}) {
    EXPECT_EQ(WrongByte(text), 1U) << text;
  }
}

TEST(JsonScannerTest, RefusesControlCharactersInStrings) {
  for (int c = 0; c < 0x20; ++c) {
    EXPECT_EQ(WrongByte(Cat("\"ab", static_cast<char>(c), "\"")), 3U) << c;
  }
}

// Ends of the ranges of Unicode's table 3-7, from both sides.
TEST(JsonScannerTest, TakesUtf8AndNothingElse) {
  for (const std::string_view good :
       {"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xec\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf3\xbf\xbf\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsJson(Cat("\"", good, "\"")));
  }
  for (const std::string_view bad :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xc2\xc0", "\xe0\x9f\xbf",
        "\xe1\x80", "\xe1\x80\x41", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf1\x80\x80",
        "\xf1\x80\x80\x41", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff"}) {
    EXPECT_EQ(WrongByte(Cat("\"", bad, "\"")), 1U);
  }
}

TEST(JsonScannerTest, NestsAsDeepAsAllowedAndNoDeeper) {
  EXPECT_TRUE(IsJson("[[[[1]]]]"));
  EXPECT_TRUE(IsJson(R"([{"a":[{}]}])"));
  for (const std::string_view text : {"[[[[[1]]]]]", R"([{"a":[{"b":[]}]}])"}) {
    JsonScanner scanner(text, kDepth);
    EXPECT_FALSE(scanner.SkipValue()) << text;
    EXPECT_TRUE(scanner.too_deep()) << text;
  }
  const std::string deep(1'000'000, '[');
  EXPECT_EQ(WrongByte(deep), static_cast<std::size_t>(kDepth));
}

TEST(JsonScannerTest, VisitsItemsAsTheyStand) {
  std::string seen;
  const auto visit = [&seen](std::string_view name, std::string_view value) {
    seen += Cat("<", name, "=", value, ">");
    return value != "2";
  };
  EXPECT_TRUE(JsonScanner(R"({ "a" : [1, 2] , "b\n":"x" })", kDepth).SkipItems(1, visit));
  EXPECT_EQ(seen, R"(<"a"=[1, 2]><"b\n"="x">)");
  seen.clear();
  EXPECT_FALSE(JsonScanner("[1,2,3]", kDepth).SkipItems(1, visit));
  EXPECT_EQ(seen, "<=1><=2>");
}

TEST(JsonScannerTest, UnescapesWithinTheRoomOfTheText) {
  const std::string_view quoted = R"("a\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud834\udd1e\u0000z")";
  std::string out(quoted.size() - 2, '?');
  out.resize(static_cast<std::size_t>(UnescapeJson(quoted, out.data()) - out.data()));
  EXPECT_EQ(out, std::string("a\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\0z", 21));
}

}  // namespace
}  // namespace rbdcrypt
