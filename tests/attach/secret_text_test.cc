// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/secret_text.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

// RFC 4648 section 10.
TEST(SecretTextTest, EncodesAndDecodesTheVectorsOfTheRfc) {
  const std::pair<const char*, const char*> vectors[] = {
      {"f", "Zg=="},        {"fo", "Zm8="},        {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [plain, encoded] : vectors) {
    SecretText text;
    text.AppendBase64(Secret(std::string_view(plain)));
    EXPECT_EQ(text.Take().RevealText(), encoded);
    ASSERT_OK_AND_ASSIGN(const Secret decoded, DecodeBase64(Secret(std::string_view(encoded))));
    EXPECT_EQ(decoded.RevealText(), plain);
  }
}

TEST(SecretTextTest, GrowsBeyondItsFirstBufferAndIsEmptyAfterTake) {
  SecretText text;
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    text.Append("0123456789");
    expected += "0123456789";
  }
  EXPECT_EQ(text.Take().RevealText(), expected);
  EXPECT_TRUE(text.Take().empty());
}

TEST(SecretTextTest, DecodingIgnoresWhiteSpaceAround) {
  ASSERT_OK_AND_ASSIGN(const Secret decoded, DecodeBase64(Secret(std::string_view("Zm9v\n"))));
  EXPECT_EQ(decoded.RevealText(), "foo");
}

TEST(SecretTextTest, WhatIsNoBase64IsRefusedAndNotQuoted) {
  for (const char* text : {"", "Zm9", "Zm9v!", "Zm9=Zm9v=", "Z***"}) {
    EXPECT_THAT(DecodeBase64(Secret(std::string_view(text))),
                StatusIs(Code::kInvalidArgument, Not(HasSubstr("Zm9"))))
        << text;
  }
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
