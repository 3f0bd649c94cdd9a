// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/sha256.h"

#include <gtest/gtest.h>

#include "base/encoding.h"

namespace rbdcrypt {
namespace {

// FIPS 180-2, appendix B.1, and of the empty message.
TEST(Sha256Test, KnownAnswers) {
  EXPECT_EQ(HexEncode(Sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexEncode(Sha256("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256Test, TextAndBytesAreTheSame) {
  constexpr std::string_view kText = "rbdcrypt";
  EXPECT_EQ(Sha256(kText), Sha256(std::as_bytes(std::span(kText))));
}

}  // namespace
}  // namespace rbdcrypt
