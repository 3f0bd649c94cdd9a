// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/yaml.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::k8s {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::StatusIs;

Json Converted(std::string_view yaml) {
  const Result<Secret> json = YamlToJson(yaml, "the file");
  EXPECT_THAT(json, testing::IsOk());
  return json.ok() ? Json::parse(json->RevealText(), nullptr, false) : Json();
}

TEST(YamlTest, MappingsListsAndScalarsKeepTheirShape) {
  EXPECT_EQ(Converted("a: 1\nb:\n- x\n- y: 'true'\nc: {d: [e, \"f\\n\"]}\n"),
            Json::parse(R"({"a":"1","b":["x",{"y":"true"}],"c":{"d":["e","f\n"]}})"));
}

TEST(YamlTest, PlainWordsOfTypeAreReadAsSuch) {
  EXPECT_EQ(Converted("t: true\nf: false\nn: null\ns: ~\ne:\nq: \"null\"\n"),
            Json::parse(R"({"t":true,"f":false,"n":"","s":"","e":"","q":"null"})"));
}

TEST(YamlTest, JsonIsYaml) {
  EXPECT_EQ(Converted(R"({"a": {"b": ["c", true]}, "u": "\u00e4"})"),
            Json::parse(R"({"a":{"b":["c",true]},"u":"ä"})"));
}

TEST(YamlTest, FoldedAndLiteralTextIsOneValue) {
  EXPECT_EQ(Converted("l: |\n  one\n  two\nf: >-\n  one\n  two\n"),
            Json::parse(R"({"l":"one\ntwo\n","f":"one two"})"));
}

TEST(YamlTest, WhatIsNotSupportedIsRefusedByLine) {
  const auto refused = [](std::string_view yaml, std::string_view why) {
    EXPECT_THAT(
        YamlToJson(yaml, "the file"),
        StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("the file"), HasSubstr(std::string(why)))))
        << yaml;
  };
  refused("a: &x 1\nb: *x\n", "line 1: anchors");
  refused("a: 1\nb: *x\n", "line 2: anchors");
  refused("a: !!binary AA==\n", "anchors, aliases and tags");
  refused("a: &x {b: c}\n", "anchors");
  refused("a: &x [b]\n", "anchors");
  refused("? [a]\n: b\n", "a key must be a word");
  refused("a: 1\n---\nb: 2\n", "a single document");
  refused("a: [1\n", "line");
  refused("a: \"\\q\"\n", "no YAML");
  refused("", "a document");
  refused(std::string(40, '[') + std::string(40, ']'), "nested too deeply");
}

TEST(YamlTest, AnErrorNeverRepeatsTheText) {
  EXPECT_THAT(YamlToJson("token: s3cr3t\n  bad: [", "the file"),
              StatusIs(Code::kInvalidArgument, Not(HasSubstr("s3cr3t"))));
}

}  // namespace
}  // namespace rbdcrypt::k8s
