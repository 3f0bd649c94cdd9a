// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/local_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::kms {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

LocalText Sample() {
  return LocalText{.ring_id = "00112233445566778899aabbccddeeff",
                   .key_version = 7,
                   .nonce = std::vector<std::byte>(12, std::byte{1}),
                   .ciphertext = std::vector<std::byte>(20, std::byte{0xff})};
}

// The layout on disk: changing it needs another format number.
constexpr char kSample[] =
    R"({"format":1,"ring":"00112233445566778899aabbccddeeff","key":7,"nonce":"AQEBAQEBAQEBAQEB",)"
    R"("dek":"//////////////////////////8=","sum":"aa5c9a293bd214a3"})";

TEST(LocalTextTest, WritesItsLayout) {
  EXPECT_EQ(FormatLocalText(Sample()), kSample);
}

TEST(LocalTextTest, ReadsWhatItWrote) {
  ASSERT_OK_AND_ASSIGN(const LocalText text, ParseLocalText(kSample));
  EXPECT_EQ(text.ring_id, Sample().ring_id);
  EXPECT_EQ(text.key_version, 7U);
  EXPECT_EQ(text.nonce, Sample().nonce);
  EXPECT_EQ(text.ciphertext, Sample().ciphertext);
}

TEST(LocalTextTest, DamageOfAnyBitIsDataLoss) {
  for (std::size_t bit = 0; bit < 8 * (sizeof kSample - 1); ++bit) {
    std::string damaged = kSample;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THAT(ParseLocalText(damaged), StatusIs(Code::kDataLoss)) << damaged;
  }
}

TEST(LocalTextTest, ANewerFormatIsNotDamage) {
  EXPECT_THAT(ParseLocalText(R"({"format":2,"sum":"d912c59b3f4b1b1d"})"),
              StatusIs(Code::kUnimplemented, HasSubstr("format 2")));
}

TEST(LocalTextTest, ARightSumOverWrongFieldsIsDataLoss) {
  LocalText text = Sample();
  text.key_version = 0;
  EXPECT_THAT(ParseLocalText(FormatLocalText(text)), StatusIs(Code::kDataLoss));
  text = Sample();
  text.ring_id = R"(x","key":1,"more":"y)";
  EXPECT_THAT(ParseLocalText(FormatLocalText(text)), StatusIs(Code::kDataLoss));
}

TEST(LocalTextTest, AnEnvelopeOfCephCsiIsNotOurs) {
  EXPECT_THAT(ParseLocalText(R"({"dek":"AAAA","nonce":"AAECAwQFBgcICQoL"})"),
              StatusIs(Code::kDataLoss, HasSubstr("not one of provider \"local\"")));
}

TEST(LocalTextTest, AssociatedTextTellsEveryFieldApart) {
  const std::string text = LocalAssociatedText(Sample(), "v");
  EXPECT_EQ(text, std::string("rbdcrypt-local-1\0"
                              "00112233445566778899aabbccddeeff\0"
                              "7\0v",
                              53));
}

}  // namespace
}  // namespace rbdcrypt::kms
