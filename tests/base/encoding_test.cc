// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/encoding.h"

#include <algorithm>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt {
namespace {

using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::testing::HasSubstr;

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::vector<std::byte> Vector(std::string_view text) {
  const auto bytes = Bytes(text);
  return {bytes.begin(), bytes.end()};
}

// RFC 4648 section 10.
struct Rfc4648Vector {
  std::string_view plain;
  std::string_view base64;
  std::string_view hex;
};

constexpr Rfc4648Vector kRfc4648[] = {
    {"", "", ""},
    {"f", "Zg==", "66"},
    {"fo", "Zm8=", "666f"},
    {"foo", "Zm9v", "666f6f"},
    {"foob", "Zm9vYg==", "666f6f62"},
    {"fooba", "Zm9vYmE=", "666f6f6261"},
    {"foobar", "Zm9vYmFy", "666f6f626172"},
};

TEST(EncodingTest, Rfc4648VectorsBothWays) {
  for (const auto& [plain, base64, hex] : kRfc4648) {
    EXPECT_EQ(Base64Encode(Bytes(plain)), base64);
    EXPECT_EQ(HexEncode(Bytes(plain)), hex);
    EXPECT_EQ(Base64UrlEncode(Secret(plain)).RevealText(), base64);
    EXPECT_THAT(Base64Decode(base64), IsOkAndHolds(Vector(plain)));
    EXPECT_THAT(HexDecode(hex), IsOkAndHolds(Vector(plain)));
  }
}

// What OpenSSL makes of the bytes, in the standard alphabet.
std::string OpenSslBase64(std::span<const std::byte> bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

TEST(EncodingTest, Base64AgreesWithOpenSslOnEveryDigitAndLength) {
  // Every byte value at every position of a group, so every digit at every place of four.
  for (std::size_t length = 1; length <= 300; ++length) {
    Secret bytes(length);
    for (std::size_t i = 0; i < length; ++i) {
      bytes.MutableBytes()[i] = static_cast<std::byte>(i * 89 + length);
    }
    std::string expected = OpenSslBase64(bytes.Reveal());
    EXPECT_EQ(Base64Encode(bytes.Reveal()), expected);
    std::replace(expected.begin(), expected.end(), '+', '-');
    std::replace(expected.begin(), expected.end(), '/', '_');
    EXPECT_EQ(Base64UrlEncode(bytes).RevealText(), expected);
  }
}

TEST(EncodingTest, Base64UrlHasEveryDigitInItsPlace) {
  // The 64 digits in order are the encoding of these 48 bytes.
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  Secret bytes(48);
  for (std::size_t group = 0; group < 16; ++group) {
    const std::size_t v = group * 4;
    const std::size_t bits = v << 18 | (v + 1) << 12 | (v + 2) << 6 | (v + 3);
    for (std::size_t i = 0; i < 3; ++i) {
      bytes.MutableBytes()[group * 3 + i] = static_cast<std::byte>(bits >> (16 - 8 * i));
    }
  }
  EXPECT_EQ(Base64UrlEncode(bytes).RevealText(), kDigits);
}

TEST(EncodingTest, DekOfTwentyBytesIsTwentyEightCharacters) {
  EXPECT_EQ(Base64UrlEncode(Secret(20)).RevealText(), "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
}

TEST(EncodingTest, Base64DecodeRefusesAllButTheCanonicalForm) {
  for (const char* text : {"Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zm9v\n", "Zm 9v", "Zm9-",
                           "Zm9_", "Zg==Zm9v", "Zh==", "Zm9=", "Zm8=Zm8=", "\xff\xff\xff\xff"}) {
    EXPECT_THAT(Base64Decode(text), StatusIs(Code::kInvalidArgument)) << text;
  }
}

TEST(EncodingTest, HexDecodeTakesEitherCaseAndNamesTheBadOffset) {
  EXPECT_THAT(HexDecode("0aFf"), IsOkAndHolds(Vector("\x0a\xff")));
  EXPECT_THAT(HexDecode("abc"), StatusIs(Code::kInvalidArgument, HasSubstr("odd")));
  EXPECT_THAT(HexDecode("ab0g"), StatusIs(Code::kInvalidArgument, HasSubstr("offset 3")));
  EXPECT_THAT(HexDecode("ab:0"), StatusIs(Code::kInvalidArgument, HasSubstr("offset 2")));
  EXPECT_THAT(HexDecode("0x"), StatusIs(Code::kInvalidArgument));
}

TEST(EncodingTest, HexUintPadsWithZeros) {
  EXPECT_EQ(HexUint(1, 4), "0001");
  EXPECT_EQ(HexUint(0xabcdef, 6), "abcdef");
  EXPECT_EQ(HexUint(~std::uint64_t{0}, 16), "ffffffffffffffff");
  EXPECT_EQ(HexUint(0, 1), "0");
}

TEST(EncodingDeathTest, HexUintNeverCutsAValue) {
  EXPECT_DEATH(HexUint(0x10000, 4), "check failed");
}

TEST(EncodingTest, ParseHexUintTakesUpTo16Digits) {
  EXPECT_EQ(ParseHexUint("0001"), 1U);
  EXPECT_EQ(ParseHexUint("AbCd"), 0xabcdU);
  EXPECT_EQ(ParseHexUint("ffffffffffffffff"), ~std::uint64_t{0});
  for (const char* text : {"", "0ffffffffffffffff", "g", "-1", "0x1", " 1", "1 ", "@", "`", "/"}) {
    EXPECT_EQ(ParseHexUint(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace rbdcrypt
