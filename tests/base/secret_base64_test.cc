// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/secret_base64.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt {
namespace {

using ::rbdcrypt::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

// RFC 4648 section 10.
TEST(SecretBase64Test, EncodesAndDecodesTheVectorsOfTheRfc) {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(SecretToBase64(Secret(std::string_view(plain))).RevealText(), encoded);
    ASSERT_OK_AND_ASSIGN(const Secret decoded, SecretFromBase64(encoded));
    EXPECT_EQ(decoded.RevealText(), plain);
  }
}

TEST(SecretBase64Test, DecodingIgnoresWhiteSpaceAround) {
  ASSERT_OK_AND_ASSIGN(const Secret decoded, SecretFromBase64(" Zm9v\n"));
  EXPECT_EQ(decoded.RevealText(), "foo");
}

TEST(SecretBase64Test, WhatIsNoBase64IsRefusedAndNotQuoted) {
  for (const char* text : {"Zm9", "Zm9v!", "Zm9=Zm9v=", "Z***"}) {
    EXPECT_THAT(SecretFromBase64(text), StatusIs(Code::kInvalidArgument, Not(HasSubstr("Zm9"))))
        << text;
  }
}

}  // namespace
}  // namespace rbdcrypt
