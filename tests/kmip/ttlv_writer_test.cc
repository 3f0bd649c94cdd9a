// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/ttlv_writer.h"

#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "tests/kmip/codec_support.h"

namespace rbdcrypt::kmip {
namespace {

// "Some tag": Compromise Date, which the specification's examples are under.
constexpr auto kTag = static_cast<Tag>(0x420020);

Bytes Written(TtlvWriter& writer) {
  return BytesOf(std::move(writer).Take());
}

Bytes Example(const std::string& type) {
  return Vector("types.json", type);
}

TEST(TtlvWriterTest, WritesTheSpecificationsExamples) {
  EXPECT_EQ(Written(TtlvWriter().Integer(kTag, 8)), Example("Integer"));
  EXPECT_EQ(Written(TtlvWriter().LongInteger(kTag, 123456789000000000)), Example("Long Integer"));
  EXPECT_EQ(Written(TtlvWriter().BigInteger(kTag, Hex("03fd35eb6bc2df4618080000"))),
            Example("Big Integer"));
  EXPECT_EQ(Written(TtlvWriter().Enumeration(kTag, 255)), Example("Enumeration"));
  EXPECT_EQ(Written(TtlvWriter().Boolean(kTag, true)), Example("Boolean"));
  EXPECT_EQ(Written(TtlvWriter().Text(kTag, "Hello World")), Example("Text String"));
  EXPECT_EQ(Written(TtlvWriter().Bytes(kTag, Hex("010203"))), Example("Byte String"));
  EXPECT_EQ(Written(TtlvWriter().DateTime(kTag, 0x47DA67F8)), Example("Date-Time"));
  EXPECT_EQ(Written(TtlvWriter().DateTimeExtended(kTag, 0x47DA67F8 * std::int64_t{1000000} + 1)),
            Example("Date-Time Extended"));
  EXPECT_EQ(Written(TtlvWriter().Interval(kTag, 10 * 24 * 3600)), Example("Interval"));
  EXPECT_EQ(Written(TtlvWriter()
                        .Begin(kTag)
                        .Enumeration(static_cast<Tag>(0x420004), 254)
                        .Integer(static_cast<Tag>(0x420005), 255)
                        .End()),
            Example("Structure"));
}

TEST(TtlvWriterTest, NegativeNumbersAreTwosComplement) {
  EXPECT_EQ(Written(TtlvWriter().Integer(kTag, -2)), Hex("42002002 00000004 fffffffe 00000000"));
  EXPECT_EQ(Written(TtlvWriter().Integer(kTag, std::numeric_limits<std::int32_t>::min())),
            Hex("42002002 00000004 80000000 00000000"));
  EXPECT_EQ(Written(TtlvWriter().LongInteger(kTag, -2)), Hex("42002003 00000008 fffffffffffffffe"));
  EXPECT_EQ(Written(TtlvWriter().DateTime(kTag, -1)), Hex("42002009 00000008 ffffffffffffffff"));
}

TEST(TtlvWriterTest, BigIntegersKeepTheirSignWhereTheyGrow) {
  EXPECT_EQ(Written(TtlvWriter().BigInteger(kTag, Hex("80"))),
            Hex("42002004 00000008 ffffffffffffff80"));
  EXPECT_EQ(Written(TtlvWriter().BigInteger(kTag, Hex("7f"))),
            Hex("42002004 00000008 000000000000007f"));
  EXPECT_EQ(Written(TtlvWriter().BigInteger(kTag, Hex("8000000000000001"))),
            Hex("42002004 00000008 8000000000000001"));
}

TEST(TtlvWriterTest, UnsignedNumbersReachTheirLargest) {
  EXPECT_EQ(Written(TtlvWriter().Enumeration(kTag, 0xFFFFFFFF)),
            Hex("42002005 00000004 ffffffff 00000000"));
  EXPECT_EQ(Written(TtlvWriter().Interval(kTag, 0xFFFFFFFF)),
            Hex("4200200a 00000004 ffffffff 00000000"));
  EXPECT_EQ(Written(TtlvWriter().Boolean(kTag, false)), Hex("42002006 00000008 0000000000000000"));
}

TEST(TtlvWriterTest, LengthsCountNoPaddingOfTheirOwn) {
  EXPECT_EQ(Written(TtlvWriter().Text(kTag, "")), Hex("42002007 00000000"));
  EXPECT_EQ(Written(TtlvWriter().Bytes(kTag, {})), Hex("42002008 00000000"));
  EXPECT_EQ(Written(TtlvWriter().Text(kTag, "12345678")),
            Hex("42002007 00000008 3132333435363738"));
  EXPECT_EQ(Written(TtlvWriter().Text(kTag, "123456789")),
            Hex("42002007 00000009 3132333435363738 3900000000000000"));
}

TEST(TtlvWriterTest, AStructuresLengthCountsThePaddingInIt) {
  EXPECT_EQ(Written(TtlvWriter().Begin(kTag).End()), Hex("42002001 00000000"));
  EXPECT_EQ(Written(TtlvWriter()
                        .Begin(Tag::kName)
                        .Begin(kTag)
                        .Text(Tag::kNameValue, "a")
                        .End()
                        .Begin(kTag)
                        .End()
                        .End()),
            Hex("42005301 00000020"
                "42002001 00000010 42005507 00000001 6100000000000000"
                "42002001 00000000"));
}

TEST(TtlvWriterTest, EnumeratorsAreWrittenByTheirNumber) {
  EXPECT_EQ(Written(TtlvWriter().Enum(Tag::kOperation, Operation::kDiscoverVersions)),
            Hex("42005c05 00000004 0000001e 00000000"));
}

TEST(TtlvWriterDeathTest, StructuresThatDoNotMatchAreOurBug) {
  EXPECT_DEATH(TtlvWriter().End(), "open_");
  TtlvWriter open;
  open.Begin(kTag);
  EXPECT_DEATH(std::move(open).Take(), "open_");
  EXPECT_DEATH(TtlvWriter().BigInteger(kTag, {}), "empty");
  EXPECT_DEATH(TtlvWriter().Integer(static_cast<Tag>(0x1420020), 1), "FFFFFF");
}

}  // namespace
}  // namespace rbdcrypt::kmip
