// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/binary_header.h"

#include <span>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/luks/luks_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd::luks {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

std::vector<std::byte> FirstCopy() {
  std::vector<std::byte> copies = CopiesWithK0();
  copies.resize(kDefaultCopyBytes);
  return copies;
}

TEST(BinaryHeaderTest, ReadsWhatCryptsetupWrote) {
  const std::vector<std::byte> copy = RecordedImage("staged.zlib").Peek(0, kDefaultCopyBytes);
  EXPECT_EQ(ReadMagic(copy), CopyRole::kFirst);
  EXPECT_EQ(ReadVersion(copy), 2);
  ASSERT_OK_AND_ASSIGN(const BinaryHeader header, ParseBinaryHeader(copy));
  EXPECT_EQ(header.copy_bytes, 16384U);
  EXPECT_EQ(header.sequence, 3U);
  EXPECT_EQ(header.checksum_hash, "sha256");
  EXPECT_EQ(header.offset_bytes, 0U);
  EXPECT_EQ(header.uuid.size(), 36U);
  EXPECT_TRUE(ChecksumVerifies(copy, header));
}

TEST(BinaryHeaderTest, SealedCopyParsesToTheSameFields) {
  std::vector<std::byte> copy(2 * kSmallestCopyBytes, std::byte{0x20});
  BinaryHeader header;
  header.copy_bytes = copy.size();
  header.sequence = 0x0102030405060708;
  header.salt.fill(std::byte{9});
  header.uuid = kUuid;
  header.offset_bytes = copy.size();
  ASSERT_THAT(SealCopy(CopyRole::kSecond, header, copy), IsOk());
  EXPECT_EQ(ReadMagic(copy), CopyRole::kSecond);
  ASSERT_OK_AND_ASSIGN(const BinaryHeader parsed, ParseBinaryHeader(copy));
  EXPECT_EQ(parsed.copy_bytes, header.copy_bytes);
  EXPECT_EQ(parsed.sequence, header.sequence);
  EXPECT_EQ(parsed.salt, header.salt);
  EXPECT_EQ(parsed.uuid, header.uuid);
  EXPECT_EQ(parsed.offset_bytes, header.offset_bytes);
  EXPECT_TRUE(ChecksumVerifies(copy, parsed));
}

TEST(BinaryHeaderTest, ShortInputIsRefused) {
  const std::vector<std::byte> copy = FirstCopy();
  for (const std::size_t size : {0U, 5U, 6U, 7U, 511U}) {
    EXPECT_THAT(ParseBinaryHeader(std::span(copy).first(size)), StatusIs(Code::kDataLoss)) << size;
  }
  EXPECT_EQ(ReadMagic(std::span(copy).first(5)), std::nullopt);
  EXPECT_EQ(ReadVersion(std::span(copy).first(7)), 0);
  EXPECT_EQ(ReadUuid(std::span(copy).first(511)), "");
}

TEST(BinaryHeaderTest, FieldsOutsideTheFormatAreNamed) {
  struct Case {
    std::size_t offset;
    std::byte value;
    std::string text;
  };

  for (const Case& bad : {Case{7, std::byte{3}, "version is 3"}, Case{15, std::byte{1}, "size"},
                          Case{8, std::byte{0x80}, "size"}, Case{263, std::byte{1}, "offset"}}) {
    std::vector<std::byte> copy = FirstCopy();
    copy[bad.offset] = bad.value;
    EXPECT_THAT(ParseBinaryHeader(copy), StatusIs(Code::kDataLoss, HasSubstr(bad.text)));
  }
}

TEST(BinaryHeaderTest, ChecksumCoversEveryByteOfTheCopy) {
  const std::vector<std::byte> good = FirstCopy();
  ASSERT_OK_AND_ASSIGN(const BinaryHeader header, ParseBinaryHeader(good));
  for (std::size_t i = 0; i < good.size(); i += i < 4096 ? 1 : 37) {
    std::vector<std::byte> bad = good;
    bad[i] ^= std::byte{0x40};
    // The checksum field's tail behind the 32 bytes of sha256 says nothing.
    const bool is_unused = i >= 448 + 32 && i < 512;
    EXPECT_EQ(ChecksumVerifies(bad, header), is_unused) << i;
  }
}

TEST(BinaryHeaderTest, UnknownHashDoesNotVerify) {
  const std::vector<std::byte> copy = FirstCopy();
  ASSERT_OK_AND_ASSIGN(BinaryHeader header, ParseBinaryHeader(copy));
  header.checksum_hash = "no-such-hash";
  EXPECT_FALSE(ChecksumVerifies(copy, header));
}

TEST(BinaryHeaderTest, UuidThatIsNotPrintableIsDropped) {
  std::vector<std::byte> copy = FirstCopy();
  EXPECT_EQ(ReadUuid(copy), kUuid);
  copy[168] = std::byte{'\n'};
  EXPECT_EQ(ReadUuid(copy), "");
}

}  // namespace
}  // namespace rbdcrypt::rbd::luks
