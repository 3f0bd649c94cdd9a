// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/secret_buffer.h"

#include <string>

#include <gtest/gtest.h>

namespace rbdcrypt {
namespace {

TEST(SecretBufferTest, HoldsWhatWasAppendedWhateverTheSizes) {
  SecretBuffer buffer;
  std::string expected;
  for (std::size_t size = 0; size < 300; ++size) {
    const std::string piece(size, static_cast<char>('a' + size % 26));
    buffer.Append(piece);
    expected += piece;
    ASSERT_EQ(buffer.size(), expected.size());
  }
  EXPECT_EQ(buffer.Take().RevealText(), expected);
}

TEST(SecretBufferTest, IsEmptyAndUsableAfterTake) {
  SecretBuffer buffer;
  EXPECT_TRUE(buffer.Take().empty());
  buffer.Append("first");
  EXPECT_EQ(buffer.Take().RevealText(), "first");
  EXPECT_EQ(buffer.size(), 0U);
  EXPECT_TRUE(buffer.Take().empty());
  buffer.Append("second");
  EXPECT_EQ(buffer.Take().RevealText(), "second");
}

TEST(SecretBufferTest, OverwritesWhatWasAppended) {
  SecretBuffer buffer;
  buffer.Append("ab____ef");
  buffer.Overwrite(2, std::as_bytes(std::span(std::string_view("cd"))));
  buffer.Overwrite(8, {});
  EXPECT_EQ(buffer.written(), "abcd__ef");
  buffer.Overwrite(4, std::as_bytes(std::span(std::string_view("1234"))));
  EXPECT_EQ(buffer.Take().RevealText(), "abcd1234");
}

TEST(SecretBufferDeathTest, OverwritesNothingBeyondItsSize) {
  SecretBuffer buffer;
  buffer.Reserve(100);
  buffer.Append("abcd");
  EXPECT_DEATH(buffer.Overwrite(3, std::as_bytes(std::span(std::string_view("xy")))), "size");
  EXPECT_DEATH(buffer.Overwrite(5, {}), "size");
}

TEST(SecretBufferTest, ReservedRoomChangesNothingElse) {
  SecretBuffer buffer;
  buffer.Reserve(10);
  EXPECT_EQ(buffer.size(), 0U);
  buffer.Append("abc");
  buffer.Reserve(1000);
  buffer.Reserve(5);
  buffer.Append("def");
  EXPECT_EQ(buffer.Take().RevealText(), "abcdef");
  buffer.Reserve(10);
  EXPECT_TRUE(buffer.Take().empty());
}

}  // namespace
}  // namespace rbdcrypt
