// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/secret_json.h"

#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/strings.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Optional;

// A login's answer as Vault gives it.
constexpr std::string_view kLogin =
    R"({"request_id":"r1","lease_id":"","renewable":false,"lease_duration":0,"data":null,)"
    R"("warnings":["w\u00e9",null],"auth":{"client_token":"hvs.\u0041\/B","policies":["a","b"],)"
    R"("metadata":{"role":"csi"},"lease_duration":3600,"renewable":true,"num_uses":-1.5e3}})";

SecretJson MustParse(std::string_view text) {
  const auto json = SecretJson::Parse(text, "the test's text");
  EXPECT_THAT(json, IsOk());
  return *json;
}

std::string RawOf(const std::optional<SecretJson>& json) {
  return json ? std::string(json->Raw()) : "nothing";
}

TEST(SecretJsonTest, ReadsALogin) {
  const SecretJson login = MustParse(kLogin);
  EXPECT_EQ(login.Find({"auth", "client_token"})->AsSecret()->RevealText(), "hvs.A/B");
  EXPECT_THAT(login.Find({"auth", "lease_duration"})->AsInt(), Optional(3600));
  EXPECT_THAT(login.Find({"auth", "renewable"})->AsBool(), Optional(true));
  EXPECT_THAT(login.Find({"auth", "metadata", "role"})->AsText(), Optional(std::string("csi")));
}

TEST(SecretJsonTest, EveryTruncationIsAnError) {
  for (std::size_t size = 0; size < kLogin.size(); ++size) {
    EXPECT_THAT(SecretJson::Parse(kLogin.substr(0, size), "it"), StatusIs(Code::kInvalidArgument))
        << size;
  }
}

TEST(SecretJsonTest, AnErrorNamesSubjectAndByteButNoContent) {
  EXPECT_THAT(SecretJson::Parse(R"({"token":"hunter2",})", "the answer"),
              StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("the answer"), HasSubstr("byte 19"),
                                                     Not(HasSubstr("hunter2")))));
  EXPECT_THAT(SecretJson::Parse("{} {}", "it"),
              StatusIs(Code::kInvalidArgument, HasSubstr("byte 3")));
}

TEST(SecretJsonTest, RefusesDeepNestingWithoutFollowingIt) {
  const auto nested = [](int depth) {
    const auto count = static_cast<std::size_t>(depth);
    return std::string(count, '[') + std::string(count, ']');
  };
  EXPECT_THAT(SecretJson::Parse(nested(SecretJson::kMaxDepth), "it"), IsOk());
  EXPECT_THAT(SecretJson::Parse(nested(SecretJson::kMaxDepth + 1), "it"),
              StatusIs(Code::kInvalidArgument, HasSubstr("deeper than 32 levels")));
  EXPECT_THAT(SecretJson::Parse(std::string(10'000'000, '['), "it"),
              StatusIs(Code::kInvalidArgument, HasSubstr("deeper")));
}

TEST(SecretJsonTest, RawIsTheValueWithoutSpaceAround) {
  EXPECT_EQ(MustParse(" \n{ \"a\" : [ 1 ] }\t").Raw(), R"({ "a" : [ 1 ] })");
  EXPECT_EQ(RawOf(MustParse(R"({"a" : [ 1 ] })").Find({"a"})), "[ 1 ]");
}

TEST(SecretJsonTest, SaysTypes) {
  using enum SecretJson::Type;
  EXPECT_EQ(MustParse("{}").type(), kObject);
  EXPECT_EQ(MustParse("[]").type(), kArray);
  EXPECT_EQ(MustParse("\"\"").type(), kString);
  EXPECT_EQ(MustParse("-1").type(), kNumber);
  EXPECT_EQ(MustParse("true").type(), kBool);
  EXPECT_EQ(MustParse("false").type(), kBool);
  EXPECT_EQ(MustParse("null").type(), kNull);
}

TEST(SecretJsonTest, FindsNothingWhereThereIsNothing) {
  const SecretJson json = MustParse(R"({"a":{"b":1},"null":null,"list":[{"b":2}],"text":"b"})");
  EXPECT_EQ(RawOf(json.Find({"a", "b"})), "1");
  EXPECT_EQ(RawOf(json.Find({})), json.Raw());
  for (const char* name : {"absent", "null", "", "A"}) {
    EXPECT_EQ(RawOf(json.Find({name})), "nothing") << name;
  }
  for (const char* name : {"list", "text", "null"}) {
    EXPECT_EQ(RawOf(json.Find({name, "b"})), "nothing") << name;
  }
}

TEST(SecretJsonTest, TheLastOfTwoFieldsCountsHoweverItIsSpelled) {
  EXPECT_EQ(RawOf(MustParse(R"({"ab":1,"\u0061b":2})").Find({"ab"})), "2");
  EXPECT_EQ(RawOf(MustParse(R"({"ab":1,"ab":null})").Find({"ab"})), "nothing");
}

TEST(SecretJsonTest, VisitsItemsInOrder) {
  const auto items = [](std::string_view text) {
    std::vector<std::string> seen;
    EXPECT_THAT(MustParse(text).ForEach([&seen](std::string_view name, const SecretJson& value) {
      seen.push_back(Cat(name, "=", value.Raw()));
      return OkStatus();
    }),
                IsOk());
    return seen;
  };
  EXPECT_THAT(items(R"({"b":1,"\u0061":{"c":2}})"), ElementsAre("b=1", R"(a={"c":2})"));
  EXPECT_THAT(items("[1, [2], \"3\"]"), ElementsAre("=1", "=[2]", "=\"3\""));
  for (const char* text : {"{}", "[]", "\"[1]\"", "1", "null", "true"}) {
    EXPECT_THAT(items(text), IsEmpty()) << text;
  }
}

TEST(SecretJsonTest, AnErrorOfTheVisitorEndsTheVisit) {
  int visits = 0;
  EXPECT_THAT(MustParse("[1,2,3]").ForEach([&visits](std::string_view, const SecretJson& value) {
    ++visits;
    return value.Raw() == "2" ? Aborted("enough") : OkStatus();
  }),
              StatusIs(Code::kAborted, "enough"));
  EXPECT_EQ(visits, 2);
}

TEST(SecretJsonTest, OnlyStringsAreText) {
  EXPECT_EQ(MustParse(R"("")").AsSecret()->size(), 0U);
  EXPECT_THAT(MustParse(R"("\ud83d\udd11")").AsText(), Optional(std::string("\U0001F511")));
  for (const char* text : {"{}", "[]", "1", "true", "null"}) {
    EXPECT_FALSE(MustParse(text).AsSecret().has_value()) << text;
    EXPECT_FALSE(MustParse(text).AsText().has_value()) << text;
  }
}

TEST(SecretJsonTest, ReadsWholeNumbersLeniently) {
  const auto number = [](std::string_view text) { return MustParse(text).AsInt(); };
  EXPECT_THAT(number("9223372036854775807"), Optional(std::numeric_limits<std::int64_t>::max()));
  EXPECT_THAT(number("-9223372036854775808"), Optional(std::numeric_limits<std::int64_t>::min()));
  EXPECT_THAT(number("-0"), Optional(0));
  EXPECT_THAT(number("\"42\""), Optional(42));
  for (const char* text : {"9223372036854775808", "1.0", "1e2", "\"\"", "\"x\"", "\"1 \"", "\"+1\"",
                           "true", "null", "[1]"}) {
    EXPECT_FALSE(number(text).has_value()) << text;
  }
}

TEST(SecretJsonTest, OnlyTrueAndFalseAreBools) {
  EXPECT_THAT(MustParse("false").AsBool(), Optional(false));
  for (const char* text : {"\"true\"", "1", "null"}) {
    EXPECT_FALSE(MustParse(text).AsBool().has_value()) << text;
  }
}

TEST(SecretJsonWriterTest, PutsSeparatorsByItself) {
  SecretJsonWriter writer;
  writer.BeginObject()
      .Key("jwt")
      .Value(Secret("s3cret"))
      .Key("list")
      .BeginArray()
      .Value("text")
      .Value(std::string_view("view"))
      .Value(-7)
      .Value(true)
      .BeginObject()
      .EndObject()
      .BeginArray()
      .EndArray()
      .EndArray()
      .Key("flag")
      .Value(false)
      .EndObject();
  EXPECT_EQ(std::move(writer).Take().RevealText(),
            R"({"jwt":"s3cret","list":["text","view",-7,true,{},[]],"flag":false})");
}

TEST(SecretJsonWriterTest, IsEmptyAfterTake) {
  SecretJsonWriter writer;
  writer.BeginArray().Value(1).EndArray();
  EXPECT_EQ(std::move(writer).Take().RevealText(), "[1]");
  writer.BeginArray().EndArray();  // NOLINT(bugprone-use-after-move): promised
  EXPECT_EQ(std::move(writer).Take().RevealText(), "[]");
}

TEST(SecretJsonWriterTest, EveryCharacterComesBackThroughEveryReader) {
  std::string text;
  for (int c = 0; c < 0x80; ++c) {
    text.push_back(static_cast<char>(c));
  }
  text += "\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e";
  SecretJsonWriter writer;
  writer.BeginObject().Key(text).Value(Secret(text)).EndObject();
  const Secret written = std::move(writer).Take();
  EXPECT_EQ(MustParse(written.RevealText()).Find({text})->AsSecret()->RevealText(), text);
  const auto other = ParseJson(written.RevealText(), "it");
  ASSERT_THAT(other, IsOk());
  EXPECT_EQ(other->at(text).get<std::string>(), text);
}

}  // namespace
}  // namespace rbdcrypt
