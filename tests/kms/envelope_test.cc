// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/envelope.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kms {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

// ceph-csi-compat 6.3.
constexpr char kKey[] = "8c5578b295f2dd41f6c97002216d849ea9ffcccf9de797d08c0bd4d94f685d99";
constexpr char kNonce[] = "000102030405060708090a0b";
constexpr char kDek[] = "1Aew-uiJX9w8EmFvVULdZ0G5PXw=";
constexpr char kText[] =
    R"({"dek":"LNVl9if+3wCGv9J8aci0ukbv93AoNJN72YQ016XLnhcJruQ3OHC6khsJe6s=","nonce":"AAECAwQFBgcICQoL"})";

Secret Key() {
  return Secret(std::span<const std::byte>(*HexDecode(kKey)));
}

Result<Secret> Open(std::string_view text) {
  ASSIGN_OR_RETURN(const Envelope envelope, ParseEnvelope(text));
  return OpenEnvelope(Key(), envelope);
}

TEST(EnvelopeTest, WritesThePublishedVectorByteForByte) {
  ASSERT_OK_AND_ASSIGN(const Envelope envelope,
                       SealEnvelope(Key(), *HexDecode(kNonce), Secret(std::string_view(kDek))));
  EXPECT_EQ(FormatEnvelope(envelope), kText);
}

TEST(EnvelopeTest, OpensThePublishedVector) {
  ASSERT_OK_AND_ASSIGN(const Secret dek, Open(kText));
  EXPECT_EQ(dek.RevealText(), kDek);
}

TEST(EnvelopeTest, ReadsTheFieldsInAnyOrderAmongOthers) {
  ASSERT_OK_AND_ASSIGN(const Secret dek, Open(R"( { "version" : 3, "nonce" : "AAECAwQFBgcICQoL",
               "dek" : "LNVl9if+3wCGv9J8aci0ukbv93AoNJN72YQ016XLnhcJruQ3OHC6khsJe6s=" } )"));
  EXPECT_EQ(dek.RevealText(), kDek);
}

TEST(EnvelopeTest, DamageOfAnyByteIsDataLoss) {
  const std::string text = kText;
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = text;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      EXPECT_THAT(Open(damaged), StatusIs(Code::kDataLoss)) << damaged;
    }
  }
}

TEST(EnvelopeTest, UnusedBitsOfBase64AreNotOverlooked) {
  std::string text = kText;
  // 44 bytes end in "s=", whose last two bits say nothing.
  text.replace(text.find("6s="), 3, "6t=");
  EXPECT_THAT(Open(text), StatusIs(Code::kDataLoss, HasSubstr("\"dek\"")));
}

TEST(EnvelopeTest, WhatIsNoEnvelopeIsDataLoss) {
  for (const char* text : {"", "null", "[]", "{}", "\"dek\"", R"({"dek":1,"nonce":2})",
                           R"({"dek":"AAAA"})", R"({"nonce":"AAAA"})", "AQICAHh"}) {
    EXPECT_THAT(ParseEnvelope(text), StatusIs(Code::kDataLoss)) << text;
  }
}

TEST(EnvelopeTest, AKmipNonceIsReadAndNotTakenForGcm) {
  // Recorded from provider "kmip": AES-CBC, 16 bytes of nonce.
  ASSERT_OK_AND_ASSIGN(
      const Envelope envelope,
      ParseEnvelope(
          R"({"dek":"NJWAUXUK9ElEKRgcbAVZxS/vZ6mQaDvc7Hmkf9J+RO0=","nonce":"kjnL0ijSjQQqb2QbZ+ALMw=="})"));
  EXPECT_EQ(envelope.ciphertext.size(), 32U);
  EXPECT_EQ(envelope.nonce.size(), 16U);
  EXPECT_THAT(OpenEnvelope(Key(), envelope),
              StatusIs(Code::kDataLoss, HasSubstr("another provider")));
}

TEST(EnvelopeTest, ErrorsDoNotRepeatTheText) {
  const auto opened = Open(R"({"dek":"c2VjcmV0*","nonce":"AAECAwQFBgcICQoL"})");
  EXPECT_THAT(Message(opened.status()), ::testing::Not(HasSubstr("c2VjcmV0")));
}

}  // namespace
}  // namespace rbdcrypt::kms
