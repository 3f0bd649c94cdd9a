// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/metadata.h"

#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/luks/luks_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd::luks {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

constexpr std::uint64_t kCopyBytes = 16384;

constexpr const char* kFullJson = R"json({
  "keyslots": {
    "1": {"type": "luks2", "key_size": 64, "priority": 2, "af": {},
          "area": {"type": "raw", "offset": "290816", "size": "258048"},
          "kdf": {"type": "argon2id", "time": 4, "memory": 72495, "cpus": 2,
                  "salt": "c2FsdCBvZiBzbG90IDE="}},
    "0": {"type": "luks2", "key_size": 64, "priority": 0, "af": {},
          "area": {"type": "raw", "offset": "32768", "size": "258048"},
          "kdf": {"type": "pbkdf2", "hash": "sha256", "iterations": 1000}}},
  "tokens": {},
  "segments": {"0": {"type": "crypt", "offset": "16777216", "size": "4194304",
                     "encryption": "aes-xts-plain64", "sector_size": 4096,
                     "integrity": {"type": "hmac(sha256)"}}},
  "digests": {"0": {"type": "pbkdf2", "keyslots": ["0", "1"], "segments": ["0"],
                    "hash": "sha256", "iterations": 1000}},
  "config": {"json_size": "12288", "keyslots_size": "16744448",
             "requirements": {"mandatory": ["online-reencrypt-v2"]}}})json";

Result<Metadata> Parse(const std::string& text) {
  const std::string area = text + '\0';
  return ParseMetadata(std::as_bytes(std::span(area)), kCopyBytes);
}

// The header of ImageWithK0 with the value at `pointer` replaced.
Result<Metadata> ParseWith(const std::string& pointer, const Json& value) {
  ASSIGN_OR_RETURN(Json json, ParseJson(JsonOf(CopiesWithK0()), "test"));
  json[Json::json_pointer(pointer)] = value;
  return Parse(json.dump());
}

TEST(MetadataTest, ReadsSlotsSegmentsAndDigests) {
  ASSERT_OK_AND_ASSIGN(const Metadata metadata, Parse(kFullJson));
  ASSERT_EQ(metadata.keyslots.size(), 2U);
  EXPECT_EQ(metadata.keyslots[0].number, 0);
  EXPECT_EQ(metadata.keyslots[0].kdf.type, "pbkdf2");
  EXPECT_EQ(metadata.keyslots[0].kdf.cost, 1000U);
  EXPECT_EQ(metadata.keyslots[0].priority, Priority::kIgnore);
  EXPECT_EQ(metadata.keyslots[1].kdf.memory_kib, 72495U);
  EXPECT_EQ(metadata.keyslots[1].kdf.cost, 4U);
  EXPECT_EQ(metadata.keyslots[1].kdf.cpus, 2U);
  EXPECT_EQ(metadata.keyslots[1].kdf.salt, "c2FsdCBvZiBzbG90IDE=");
  EXPECT_EQ(metadata.keyslots[1].area, (ByteRange{290816, 258048}));
  EXPECT_EQ(metadata.keyslots[1].priority, Priority::kPrefer);
  ASSERT_EQ(metadata.segments.size(), 1U);
  EXPECT_EQ(metadata.segments[0].size_bytes, 4194304U);
  EXPECT_EQ(metadata.segments[0].sector_bytes, 4096U);
  EXPECT_EQ(metadata.segments[0].integrity, "hmac(sha256)");
  ASSERT_EQ(metadata.digests.size(), 1U);
  EXPECT_THAT(metadata.digests[0].keyslots, ElementsAre(0, 1));
  EXPECT_THAT(metadata.requirements, ElementsAre("online-reencrypt-v2"));
}

TEST(MetadataTest, EveryTruncationIsDamage) {
  const std::string json = JsonOf(CopiesWithK0());
  ASSERT_THAT(Parse(json), IsOk());
  for (std::size_t size = 0; size < json.size(); ++size) {
    EXPECT_THAT(Parse(json.substr(0, size)), StatusIs(Code::kDataLoss)) << size;
  }
}

TEST(MetadataTest, TextWithoutEndIsDamage) {
  const std::string json = JsonOf(CopiesWithK0());
  EXPECT_THAT(ParseMetadata(std::as_bytes(std::span(json)), kCopyBytes),
              StatusIs(Code::kDataLoss, HasSubstr("no end")));
  EXPECT_THAT(ParseMetadata({}, kCopyBytes), StatusIs(Code::kDataLoss));
}

TEST(MetadataTest, AreasThatWouldSteerWritesElsewhereAreRefused) {
  const auto outside = StatusIs(Code::kDataLoss, HasSubstr("outside the keyslots' space"));
  EXPECT_THAT(ParseWith("/keyslots/0/area/offset", "0"), outside);
  EXPECT_THAT(ParseWith("/keyslots/0/area/offset", "32767"), outside);
  EXPECT_THAT(ParseWith("/keyslots/0/area/offset", "16777216"), outside);
  EXPECT_THAT(ParseWith("/keyslots/0/area/offset", "16519169"), outside);
  EXPECT_THAT(ParseWith("/keyslots/0/area/offset", "18446744073709551615"), outside);
  EXPECT_THAT(ParseWith("/keyslots/0/area/size", "18446744073709551615"), outside);
  EXPECT_THAT(ParseWith("/keyslots/0/area/size", "0"), outside);
  EXPECT_THAT(ParseWith("/keyslots/0/area/offset", "16519168"), IsOk());
}

TEST(MetadataTest, OverlappingAreasAreRefused) {
  ASSERT_OK_AND_ASSIGN(Json json, ParseJson(JsonOf(CopiesWithK0()), "test"));
  json["keyslots"]["1"] = json["keyslots"]["0"];
  json["keyslots"]["1"]["area"]["offset"] = "290815";
  EXPECT_THAT(Parse(json.dump()), StatusIs(Code::kDataLoss, HasSubstr("overlaps")));
  json["keyslots"]["1"]["area"]["offset"] = "290816";
  EXPECT_THAT(Parse(json.dump()), IsOk());
}

TEST(MetadataTest, WrongTypesAndRangesNameTheField) {
  struct Case {
    std::string pointer;
    Json value;
    std::string text;
  };

  const std::vector<Case> cases = {
      {"/keyslots", 7, "keyslots"},
      {"/keyslots/32", Json::object(), "0 to 31"},
      {"/keyslots/x", Json::object(), "0 to 31"},
      {"/keyslots/0/type", 1, "keyslots.0.type"},
      {"/keyslots/0/area", "here", "keyslots.0.area"},
      {"/keyslots/0/area/offset", 32768, "offset"},
      {"/keyslots/0/area/offset", "-1", "offset"},
      {"/keyslots/0/kdf/iterations", -5, "iterations"},
      {"/keyslots/0/kdf/iterations", 4294967296, "iterations"},
      {"/keyslots/0/kdf/iterations", "many", "iterations"},
      {"/keyslots/0/priority", 3, "priority"},
      {"/segments/0/offset", nullptr, "offset"},
      {"/segments/0/size", "some", "size"},
      {"/segments/0/integrity", true, "integrity"},
      {"/digests/0/keyslots", "0", "keyslots"},
      {"/digests/0/keyslots", Json::array({"99"}), "0 to 31"},
      {"/digests", Json::array(), "digests"},
      {"/config/json_size", "12289", "json_size"},
      {"/config/keyslots_size", "99999999999", "keyslots_size"},
      {"/config/keyslots_size", "16744449", "keyslots_size"},
      {"/config/requirements", Json::array(), "requirements"},
  };
  for (const Case& bad : cases) {
    EXPECT_THAT(ParseWith(bad.pointer, bad.value),
                StatusIs(Code::kDataLoss, AllOf(HasSubstr("JSON area"), HasSubstr(bad.text))))
        << bad.pointer << " = " << bad.value;
  }
}

TEST(MetadataTest, SameNumberTwiceIsRefused) {
  EXPECT_THAT(ParseWith("/segments/00", Json{{"type", "linear"}, {"offset", "0"}, {"size", "1"}}),
              StatusIs(Code::kDataLoss, HasSubstr("twice")));
}

TEST(MetadataTest, DeepNestingIsSurvived) {
  const std::string deep(6000, '[');
  EXPECT_THAT(Parse(deep), StatusIs(Code::kDataLoss));
  EXPECT_THAT(Parse(deep + std::string(6000, ']')), StatusIs(Code::kDataLoss));
}

}  // namespace
}  // namespace rbdcrypt::rbd::luks
