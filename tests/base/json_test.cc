// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/json.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(JsonTest, ErrorNamesTheSubjectAndTheByteButNotTheContent) {
  EXPECT_THAT(
      ParseJson(R"({"token":"hunter2",})", "the KMS section"),
      StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("the KMS section"), HasSubstr("byte 20"),
                                             Not(HasSubstr("hunter2")))));
}

TEST(JsonTest, RefusesWhatIsNotOneValue) {
  for (const char* text :
       {"", " ", "{", "{}{}", "[1,]", "nul", "'a'", "{\"a\":1e999}", "\"\xff\""}) {
    EXPECT_THAT(ParseJson(text, "it"), StatusIs(Code::kInvalidArgument)) << text;
  }
}

TEST(JsonTest, SurvivesDeepNesting) {
  const std::string deep(100'000, '[');
  EXPECT_THAT(ParseJson(deep, "it"), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(ParseJson(deep + std::string(100'000, ']'), "it"), IsOk());
}

class JsonFieldTest : public ::testing::Test {
 protected:
  const Json object_ = {{"text", "t"},       {"number", -7},      {"large", 9223372036854775808U},
                        {"fraction", 1.5},   {"flag", true},      {"list", {"a", "b"}},
                        {"mixed", {"a", 1}}, {"nothing", nullptr}};
};

TEST_F(JsonFieldTest, GivesFieldsOfTheRightType) {
  EXPECT_THAT(OptionalString(object_, "text", "it"), IsOkAndHolds("t"));
  EXPECT_THAT(RequiredString(object_, "text", "it"), IsOkAndHolds("t"));
  EXPECT_THAT(OptionalInt(object_, "number", "it"), IsOkAndHolds(-7));
  EXPECT_THAT(OptionalBool(object_, "flag", "it"), IsOkAndHolds(true));
  EXPECT_THAT(StringArray(object_, "list", "it"), IsOkAndHolds(ElementsAre("a", "b")));
}

TEST_F(JsonFieldTest, AbsentAndNullGiveNothing) {
  for (const char* field : {"absent", "nothing"}) {
    EXPECT_THAT(OptionalString(object_, field, "it"), IsOkAndHolds(std::nullopt));
    EXPECT_THAT(OptionalInt(object_, field, "it"), IsOkAndHolds(std::nullopt));
    EXPECT_THAT(OptionalBool(object_, field, "it"), IsOkAndHolds(std::nullopt));
    EXPECT_THAT(StringArray(object_, field, "it"), IsOkAndHolds(IsEmpty()));
    EXPECT_THAT(RequiredString(object_, field, "KMS \"a\""),
                StatusIs(Code::kInvalidArgument, HasSubstr("KMS \"a\".")));
  }
}

TEST_F(JsonFieldTest, WrongTypeIsAnErrorNamingTheField) {
  EXPECT_THAT(OptionalString(object_, "number", "it"),
              StatusIs(Code::kInvalidArgument, "it.number is not a string"));
  EXPECT_THAT(RequiredString(object_, "flag", "it"), StatusIs(Code::kInvalidArgument));
  for (const char* field : {"text", "large", "fraction", "flag"}) {
    EXPECT_THAT(OptionalInt(object_, field, "it"),
                StatusIs(Code::kInvalidArgument, HasSubstr(field)));
  }
  EXPECT_THAT(OptionalBool(object_, "text", "it"), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(StringArray(object_, "text", "it"), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(StringArray(object_, "mixed", "it"), StatusIs(Code::kInvalidArgument));
}

TEST(JsonTest, FieldsOfWhatIsNoObjectAreErrors) {
  for (const Json& value : {Json("text"), Json(nullptr), Json::array({1}), Json(3)}) {
    EXPECT_THAT(OptionalString(value, "text", "it"),
                StatusIs(Code::kInvalidArgument, "it is not a JSON object"));
  }
}

}  // namespace
}  // namespace rbdcrypt
