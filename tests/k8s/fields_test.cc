// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/fields.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::k8s {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Pair;
using testing::StatusIs;
using ::testing::UnorderedElementsAre;

TEST(FieldsTest, AbsentAndNullGiveTheEmptyValue) {
  const Json object = {{"text", nullptr}};
  Fields fields(object, "thing");
  EXPECT_EQ(fields.Text("text"), "");
  EXPECT_FALSE(fields.OptionalText("other").has_value());
  EXPECT_EQ(fields.Int("other"), 0);
  EXPECT_FALSE(fields.OptionalInt("other").has_value());
  EXPECT_FALSE(fields.Bool("other"));
  EXPECT_FALSE(fields.Time("other").has_value());
  EXPECT_TRUE(fields.Texts("other").empty());
  EXPECT_TRUE(fields.Parts("other").empty());
  EXPECT_FALSE(fields.Part("other").present());
  EXPECT_EQ(fields.Part("other").Part("more").Text("deep"), "");
  EXPECT_THAT(fields.status(), IsOk());
}

TEST(FieldsTest, ValuesAreReadByType) {
  const Json object = {{"text", "a"},         {"number", 7},
                       {"flag", true},        {"time", "2026-01-01T00:00:00Z"},
                       {"map", {{"k", "v"}}}, {"list", {{{"name", "x"}}, {{"name", "y"}}}}};
  Fields fields(object, "thing");
  EXPECT_EQ(fields.Text("text"), "a");
  EXPECT_EQ(fields.Int("number"), 7);
  EXPECT_EQ(fields.OptionalInt("number"), 7);
  EXPECT_TRUE(fields.Bool("flag"));
  EXPECT_TRUE(fields.Time("time").has_value());
  EXPECT_THAT(fields.Texts("map"), UnorderedElementsAre(Pair("k", "v")));
  auto parts = fields.Parts("list");
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[1].Text("name"), "y");
  EXPECT_THAT(fields.status(), IsOk());
}

TEST(FieldsTest, AWrongTypeIsNamedWithItsPathAndNotQuoted) {
  const Json object = {{"a", "private"}, {"b", 1}, {"m", {{"k", 1}}}, {"t", "private"}};
  const auto error = [&](const auto& read) {
    Fields fields(object, "thing");
    read(fields);
    EXPECT_EQ(Message(fields.status()).find("private"), std::string::npos);
    return fields.status();
  };
  EXPECT_THAT(error([](Fields& f) { f.Int("a"); }),
              StatusIs(Code::kInvalidArgument, HasSubstr("thing.a is not a whole number")));
  EXPECT_THAT(error([](Fields& f) { f.Bool("a"); }), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(error([](Fields& f) { f.Text("b"); }),
              StatusIs(Code::kInvalidArgument, HasSubstr("thing.b is not a string")));
  EXPECT_THAT(error([](Fields& f) { f.Parts("a"); }), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(error([](Fields& f) { f.Texts("m"); }),
              StatusIs(Code::kInvalidArgument, HasSubstr("thing.m.k")));
  EXPECT_THAT(error([](Fields& f) { f.Time("t"); }), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(error([](Fields& f) { f.Check(f.Part("a").status()); }),
              StatusIs(Code::kInvalidArgument, HasSubstr("thing.a")));
}

TEST(FieldsTest, ANumberThatDoesNotFitIsAnErrorAndNoOtherNumber) {
  const Json object = Json::parse(R"({"most":9223372036854775807,"more":9223372036854775808,
                                      "least":-9223372036854775808,"float":1e300})");
  Fields fields(object, "thing");
  EXPECT_EQ(fields.Int("most"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(fields.Int("least"), std::numeric_limits<std::int64_t>::min());
  EXPECT_THAT(fields.status(), IsOk());
  EXPECT_EQ(fields.Int("more"), 0);
  EXPECT_THAT(fields.status(), StatusIs(Code::kInvalidArgument, HasSubstr("thing.more")));
  Fields others(object, "thing");
  others.Int("float");
  EXPECT_THAT(others.status(), StatusIs(Code::kInvalidArgument, HasSubstr("thing.float")));
}

TEST(FieldsTest, TheFirstErrorStays) {
  const Json object = {{"a", 1}, {"b", 1}};
  Fields fields(object, "thing");
  fields.Text("a");
  fields.Text("b");
  EXPECT_THAT(fields.status(), StatusIs(Code::kInvalidArgument, HasSubstr("thing.a")));
}

}  // namespace
}  // namespace rbdcrypt::k8s
