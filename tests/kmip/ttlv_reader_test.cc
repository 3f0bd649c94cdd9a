// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/ttlv_reader.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/secret.h"
#include "tests/kmip/codec_support.h"
#include "tests/kmip/rewrite.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kmip {
namespace {

using rbdcrypt::testing::IsOk;
using rbdcrypt::testing::IsOkAndHolds;
using rbdcrypt::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr auto kTag = static_cast<Tag>(0x420020);

// The item and the bytes it stands in.
struct Parsed {
  explicit Parsed(Bytes of) : bytes(std::move(of)), view(TtlvView::Parse(bytes).value()) {}

  explicit Parsed(TtlvWriter& writer) : Parsed(BytesOf(std::move(writer).Take())) {}

  const Bytes bytes;
  const TtlvView view;
};

Parsed Example(const std::string& type) {
  return Parsed(Vector("types.json", type));
}

Status ParseHex(std::string_view text) {
  // Of its own size, so that reading beyond it is noticed.
  return TtlvView::Parse(Secret(Hex(text)).Reveal()).status();
}

TEST(TtlvReaderTest, ReadsTheSpecificationsExamples) {
  EXPECT_EQ(Example("Integer").view.AsInteger(), 8);
  EXPECT_EQ(Example("Long Integer").view.AsLongInteger(), 123456789000000000);
  const Parsed big = Example("Big Integer");
  EXPECT_EQ(Bytes(big.view.value().begin(), big.view.value().end()),
            Hex("00000000 03fd35eb6bc2df4618080000"));
  EXPECT_EQ(Example("Enumeration").view.AsEnumeration(), 255U);
  EXPECT_EQ(Example("Boolean").view.AsBoolean(), true);
  const Parsed text = Example("Text String");
  EXPECT_EQ(text.view.AsText(), "Hello World");
  const Parsed bytes = Example("Byte String");
  ASSERT_TRUE(bytes.view.AsBytes().has_value());
  EXPECT_EQ(Bytes(bytes.view.AsBytes()->begin(), bytes.view.AsBytes()->end()), Hex("010203"));
  EXPECT_EQ(Example("Date-Time").view.AsDateTime(), 0x47DA67F8);
  EXPECT_EQ(Example("Interval").view.AsInterval(), 864000U);
  EXPECT_EQ(Example("Date-Time Extended").view.type(), Type::kDateTimeExtended);
  const Parsed structure = Example("Structure");
  EXPECT_EQ(structure.view.tag(), kTag);
  EXPECT_THAT(structure.view.Enumeration(static_cast<Tag>(0x420004)), IsOkAndHolds(254U));
  EXPECT_THAT(structure.view.Integer(static_cast<Tag>(0x420005)), IsOkAndHolds(255));
}

TEST(TtlvReaderTest, AValueIsOfItsOwnTypeOnly) {
  const auto types_of = [](const TtlvView& view) {
    return int{view.AsInteger().has_value()} + int{view.AsLongInteger().has_value()} +
           int{view.AsEnumeration().has_value()} + int{view.AsBoolean().has_value()} +
           int{view.AsText().has_value()} + int{view.AsBytes().has_value()} +
           int{view.AsDateTime().has_value()} + int{view.AsInterval().has_value()};
  };
  for (const char* type : {"Integer", "Long Integer", "Enumeration", "Boolean", "Text String",
                           "Byte String", "Date-Time", "Interval"}) {
    EXPECT_EQ(types_of(Example(type).view), 1) << type;
  }
  for (const char* type : {"Big Integer", "Date-Time Extended", "Structure"}) {
    EXPECT_EQ(types_of(Example(type).view), 0) << type;
  }
}

TEST(TtlvReaderTest, SignsAndLargestNumbersSurvive) {
  for (const std::int32_t number : {-1, std::numeric_limits<std::int32_t>::min(), 0x7FFFFFFF}) {
    EXPECT_EQ(Parsed(TtlvWriter().Integer(kTag, number)).view.AsInteger(), number);
  }
  for (const std::int64_t number :
       {std::int64_t{-1}, std::numeric_limits<std::int64_t>::min(), std::int64_t{1} << 62}) {
    EXPECT_EQ(Parsed(TtlvWriter().LongInteger(kTag, number)).view.AsLongInteger(), number);
    EXPECT_EQ(Parsed(TtlvWriter().DateTime(kTag, number)).view.AsDateTime(), number);
  }
  EXPECT_EQ(Parsed(TtlvWriter().Enumeration(kTag, 0xFFFFFFFF)).view.AsEnumeration(), 0xFFFFFFFFU);
  EXPECT_EQ(Parsed(TtlvWriter().Interval(kTag, 0xFFFFFFFF)).view.AsInterval(), 0xFFFFFFFFU);
  EXPECT_EQ(Parsed(TtlvWriter().Boolean(kTag, false)).view.AsBoolean(), false);
}

TEST(TtlvReaderTest, FindsTheFirstOfSeveralAndCountsThem) {
  const Parsed parsed(TtlvWriter()
                          .Begin(Tag::kResponsePayload)
                          .Text(Tag::kUniqueIdentifier, "first")
                          .Integer(static_cast<Tag>(0x54AB01), 7)
                          .Text(Tag::kUniqueIdentifier, "second")
                          .End());
  EXPECT_THAT(parsed.view.Text(Tag::kUniqueIdentifier), IsOkAndHolds("first"));
  EXPECT_EQ(parsed.view.Count(Tag::kUniqueIdentifier), 2U);
  EXPECT_EQ(parsed.view.Count(Tag::kState), 0U);
  EXPECT_FALSE(parsed.view.Find(Tag::kState).has_value());
  std::vector<Tag> tags;
  for (const TtlvView& item : parsed.view.Items()) {
    tags.push_back(item.tag());
  }
  EXPECT_THAT(tags, ::testing::ElementsAre(Tag::kUniqueIdentifier, static_cast<Tag>(0x54AB01),
                                           Tag::kUniqueIdentifier));
}

TEST(TtlvReaderTest, WhatIsNoStructureHasNothingInIt) {
  // Its value would be an item.
  const Parsed parsed(TtlvWriter().Bytes(kTag, Hex("42002002 00000004 00000001 00000000")));
  EXPECT_FALSE(parsed.view.Find(kTag).has_value());
  EXPECT_EQ(parsed.view.Count(kTag), 0U);
  EXPECT_FALSE(parsed.view.Items().begin() != parsed.view.Items().end());
}

TEST(TtlvReaderTest, FieldsThatLackOrAreOfAnotherTypeAreNamed) {
  const Parsed parsed(TtlvWriter().Begin(kTag).Text(Tag::kData, "text").End());
  EXPECT_THAT(parsed.view.Bytes(Tag::kData),
              StatusIs(Code::kDataLoss, "0x420020: Data has the wrong type"));
  EXPECT_THAT(parsed.view.Integer(Tag::kBatchCount),
              StatusIs(Code::kDataLoss, "0x420020: Batch Count is missing"));
  EXPECT_THAT(parsed.view.Structure(Tag::kData), StatusIs(Code::kDataLoss));
  EXPECT_THAT(parsed.view.Enumeration(Tag::kData), StatusIs(Code::kDataLoss));
  EXPECT_THAT(parsed.view.Integer(Tag::kData), StatusIs(Code::kDataLoss));
  EXPECT_THAT(parsed.view.Text(Tag::kState),
              StatusIs(Code::kDataLoss, "0x420020: State is missing"));
}

struct Broken {
  std::string_view what;
  std::string_view bytes;
};

TEST(TtlvReaderTest, EachRuleIsNamedWithItsPlace) {
  const std::vector<Broken> broken = {
      {"byte 0: too few bytes for an item", ""},
      {"byte 0: too few bytes for an item", "42002002000000"},
      {"byte 0: a type that does not exist", "42002000 00000000"},
      {"byte 0: a type that does not exist", "4200200c 00000008 0000000000000000"},
      {"byte 0: a type that does not exist", "420020ff 00000000"},
      {"a number of 4 bytes", "42002002 00000008 0000000000000008"},
      {"a number of 4 bytes", "42002005 00000000"},
      {"a number of 4 bytes", "4200200a 00000003 0000000000000000"},
      {"a number of 8 bytes", "42002003 00000004 0000000000000000"},
      {"a number of 8 bytes", "42002006 00000004 0000000100000000"},
      {"a number of 8 bytes", "42002009 00000010 00000000000000000000000000000000"},
      {"a number of 8 bytes", "4200200b 00000000"},
      {"no multiple of 8", "42002004 00000000"},
      {"no multiple of 8", "42002004 00000004 0000000000000000"},
      {"no multiple of 8", "42002001 00000004 00000000"},
      {"goes beyond", "42002002 00000004 00000008"},
      {"goes beyond", "42002007 00000009 3132333435363738"},
      {"goes beyond", "42002008 ffffffff 3132333435363738"},
      {"goes beyond", "42002007 fffffff9 3132333435363738"},
      {"goes beyond", "42002001 fffffff8 42002002 00000004 0000000800000000"},
      {"a Boolean", "42002006 00000008 0000000000000002"},
      {"a Boolean", "42002006 00000008 0100000000000000"},
      {"UTF-8", "42002007 00000002 c328000000000000"},
      {"UTF-8", "42002007 00000001 ff00000000000000"},
      // A character that goes on in the padding.
      {"UTF-8", "42002007 00000001 c300000000000000"},
      {"padding", "42002002 00000004 0000000800000001"},
      {"padding", "42002007 00000001 6100000000000080"},
      {"padding", "42002008 00000007 6162636465666701"},
      {"byte 16: bytes behind the end", "42002002 00000004 0000000800000000 00"},
      {"byte 8: bytes behind the end", "42002007 00000000 42002007 00000000"},
  };
  for (const Broken& one : broken) {
    EXPECT_THAT(ParseHex(one.bytes), StatusIs(Code::kDataLoss, HasSubstr(std::string(one.what))))
        << one.bytes;
  }
}

TEST(TtlvReaderTest, AChildEndsWithinItsParent) {
  // The structure has 16 bytes; the text in it would have 16 with its padding, of which 8 are the
  // next item's.
  EXPECT_THAT(ParseHex("42002001 00000010 42002007 00000009 3132333435363738"
                       "42002007 00000000"),
              StatusIs(Code::kDataLoss, HasSubstr("byte 8: the length goes beyond")));
  // Seven bytes, then eight that are no item.
  EXPECT_THAT(ParseHex("42002001 00000008 42002002 00000004"),
              StatusIs(Code::kDataLoss, HasSubstr("byte 8: the length goes beyond")));
}

TEST(TtlvReaderTest, UnknownTagsAreNoError) {
  EXPECT_THAT(ParseHex("00000001 00000010 54ab0102 00000004 0000000100000000"), IsOk());
  EXPECT_THAT(ParseHex("ffffff07 00000000"), IsOk());
}

// `depth` structures in one another.
Bytes Nested(int depth) {
  TtlvWriter writer;
  for (int i = 0; i < depth; ++i) {
    writer.Begin(kTag);
  }
  for (int i = 0; i < depth; ++i) {
    writer.End();
  }
  return BytesOf(std::move(writer).Take());
}

TEST(TtlvReaderTest, StructuresNestToTheLimitAndNoDeeper) {
  EXPECT_THAT(TtlvView::Parse(Nested(kMaxDepth)), IsOk());
  EXPECT_THAT(TtlvView::Parse(Nested(kMaxDepth + 1)),
              StatusIs(Code::kDataLoss, HasSubstr("byte 128: structures are nested too deep")));
  EXPECT_THAT(TtlvView::Parse(Nested(8000)), StatusIs(Code::kDataLoss));
}

TEST(TtlvReaderTest, TextsOfErrorsHoldNoValue) {
  const Status status = ParseHex("42002007 00000008 736563726574ffff");
  EXPECT_THAT(status, StatusIs(Code::kDataLoss, ::testing::Not(HasSubstr("secret"))));
}

TEST(TtlvReaderTest, AMessagesSizeIsReadOfItsHeader) {
  const auto size = [](std::string_view header) {
    return TtlvView::MessageBytes(Hex(header), Tag::kResponseMessage);
  };
  EXPECT_THAT(size("42007b01 000000e0"), IsOkAndHolds(232U));
  EXPECT_THAT(size("42007b01 00000000"), IsOkAndHolds(8U));
  EXPECT_THAT(size("42007b01 0000fff8"), IsOkAndHolds(kMaxMessageBytes));
  EXPECT_THAT(size("42007b01 00010000"), StatusIs(Code::kDataLoss, HasSubstr("65536")));
  // Negative where somebody takes it for signed.
  EXPECT_THAT(size("42007b01 fffffff8"), StatusIs(Code::kDataLoss));
  EXPECT_THAT(size("42007b01 80000000"), StatusIs(Code::kDataLoss));
  EXPECT_THAT(size("42007b01 000000e4"), StatusIs(Code::kDataLoss, HasSubstr("no multiple of 8")));
  EXPECT_THAT(size("42007801 000000e0"),
              StatusIs(Code::kDataLoss, HasSubstr("no Response Message begins here")));
  EXPECT_THAT(size("42007b08 000000e0"), StatusIs(Code::kDataLoss));
  // "HTTP/1.1", and nothing at all.
  EXPECT_THAT(size("485454502f312e31"), StatusIs(Code::kDataLoss));
  EXPECT_THAT(size("0000000000000000"), StatusIs(Code::kDataLoss));
}

// Items of all types at random, the same for the same seed.
class RandomTree {
 public:
  explicit RandomTree(std::uint32_t seed) : random_(seed) {}

  Bytes Make() {
    TtlvWriter writer;
    Structure(writer, 1);
    return BytesOf(std::move(writer).Take());
  }

 private:
  std::uint32_t Below(std::uint32_t end) {
    return std::uniform_int_distribution<std::uint32_t>(0, end - 1)(random_);
  }

  std::uint64_t Number() { return std::uniform_int_distribution<std::uint64_t>()(random_); }

  Tag AnyTag() {
    return static_cast<Tag>(Below(4) == 0 ? Below(0x1000000) : 0x420000 + Below(512));
  }

  std::string AnyText() {
    static constexpr std::array<std::string_view, 4> kCharacters = {"a", "\xC3\xA4", "\xE2\x82\xAC",
                                                                    "\xF0\x9F\x94\x91"};
    std::string text;
    for (std::uint32_t left = Below(20); left > 0; --left) {
      text += kCharacters[Below(kCharacters.size())];
    }
    return text;
  }

  Bytes AnyBytes(std::uint32_t least) {
    Bytes bytes(least + Below(40));
    for (std::byte& byte : bytes) {
      byte = static_cast<std::byte>(Below(256));
    }
    return bytes;
  }

  void Structure(TtlvWriter& out, int depth) {
    out.Begin(AnyTag());
    for (std::uint32_t left = Below(6); left > 0; --left) {
      Item(out, depth);
    }
    out.End();
  }

  void Item(TtlvWriter& out, int depth) {
    const Tag tag = AnyTag();
    switch (Below(depth < kMaxDepth ? 14 : 10)) {
      case 0:
        out.Integer(tag, static_cast<std::int32_t>(Number()));
        break;
      case 1:
        out.LongInteger(tag, static_cast<std::int64_t>(Number()));
        break;
      case 2:
        out.BigInteger(tag, AnyBytes(1));
        break;
      case 3:
        out.Enumeration(tag, static_cast<std::uint32_t>(Number()));
        break;
      case 4:
        out.Boolean(tag, Below(2) == 1);
        break;
      case 5:
        out.Text(tag, AnyText());
        break;
      case 6:
        out.Bytes(tag, AnyBytes(0));
        break;
      case 7:
        out.DateTime(tag, static_cast<std::int64_t>(Number()));
        break;
      case 8:
        out.Interval(tag, static_cast<std::uint32_t>(Number()));
        break;
      case 9:
        out.DateTimeExtended(tag, static_cast<std::int64_t>(Number()));
        break;
      default:
        Structure(out, depth + 1);
    }
  }

  std::mt19937 random_;
};

TEST(TtlvReaderTest, WhatWasWrittenIsReadAndWrittenAgain) {
  std::size_t bytes = 0;
  for (std::uint32_t seed = 0; seed < 4000; ++seed) {
    const Bytes tree = RandomTree(seed).Make();
    bytes += tree.size();
    const auto view = TtlvView::Parse(tree);
    ASSERT_THAT(view, IsOk()) << seed;
    TtlvWriter writer;
    Rewrite(*view, writer);
    ASSERT_EQ(BytesOf(std::move(writer).Take()), tree) << seed;
  }
  // They are not all empty.
  EXPECT_GT(bytes, 500000U);
}

TEST(TtlvReaderTest, NoTreeIsReadThatWasCutOrGrew) {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    const Bytes tree = RandomTree(seed).Make();
    for (std::size_t size = 0; size < tree.size(); ++size) {
      const Bytes cut(tree.begin(), tree.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_THAT(TtlvView::Parse(cut), StatusIs(Code::kDataLoss)) << seed << " at " << size;
    }
    Bytes grown = tree;
    grown.resize(tree.size() + 8);
    ASSERT_THAT(TtlvView::Parse(grown), StatusIs(Code::kDataLoss, HasSubstr("behind the end")));
  }
}

}  // namespace
}  // namespace rbdcrypt::kmip
