// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/local_ring.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kms/local_text.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kms {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;

constexpr std::chrono::system_clock::time_point kNow =
    std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);

// A ring of two keys as it stands on disk, and a DEK that its first key wrapped for volume "v":
// changing either layout breaks every existing ring, so they are pinned here.
constexpr char kRing[] =
    "rbdcrypt-local-ring 1\n"
    "ring 00112233445566778899aabbccddeeff\n"
    "key 1 1767225600 128 000102030405060708090a0b0c0d0e0f\n"
    "key 3 1767225601 256 202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f\n"
    "sum 982a828e6795a47413f519116afefd0cee820b205c561d3ef81f2a763891adf3\n";
constexpr char kWrapped[] =
    R"({"format":1,"ring":"00112233445566778899aabbccddeeff","key":1,"nonce":"AAECAwQFBgcICQoL",)"
    R"("dek":"oi3CuUtunh4T6xayc842fuVzVoIJ3brDtnmGEI6yCuGJuzvUGyziaUvXtKs=","sum":"d387f3c52d2e6878"})";
constexpr char kDek[] = "1Aew-uiJX9w8EmFvVULdZ0G5PXw=";

LocalRing Ring() {
  return *LocalRing::Parse(Secret(std::string_view(kRing)));
}

std::vector<std::uint32_t> Numbers(const LocalRing& ring) {
  std::vector<std::uint32_t> numbers;
  for (const LocalRing::Version& version : ring.Versions()) {
    numbers.push_back(version.number);
  }
  return numbers;
}

std::uint32_t VersionThatWrapped(const std::string& wrapped) {
  return ParseLocalText(wrapped)->key_version;
}

TEST(LocalRingTest, ANewRingHasOneKey) {
  for (const int bits : {128, 192, 256}) {
    ASSERT_OK_AND_ASSIGN(const LocalRing ring, LocalRing::New(bits, kNow));
    ASSERT_EQ(ring.Versions().size(), 1U);
    EXPECT_EQ(ring.Versions()[0].number, 1U);
    EXPECT_EQ(ring.Versions()[0].key_bits, bits);
    EXPECT_EQ(ring.Versions()[0].created_unix_seconds, 1767225600U);
    EXPECT_EQ(ring.id().size(), 32U);
  }
}

TEST(LocalRingTest, OtherKeyLengthsAreRefused) {
  for (const int bits : {0, -1, 64, 255, 512}) {
    EXPECT_THAT(LocalRing::New(bits, kNow), StatusIs(Code::kInvalidArgument));
  }
}

TEST(LocalRingTest, ReadsAndWritesItsLayoutByteForByte) {
  ASSERT_OK_AND_ASSIGN(const LocalRing ring, LocalRing::Parse(Secret(std::string_view(kRing))));
  EXPECT_EQ(ring.id(), "00112233445566778899aabbccddeeff");
  EXPECT_THAT(Numbers(ring), ::testing::ElementsAre(1, 3));
  EXPECT_EQ(ring.Versions()[1].key_bits, 256);
  EXPECT_EQ(ring.Format().RevealText(), kRing);
}

TEST(LocalRingTest, UnwrapsATextOfThePinnedFormat) {
  ASSERT_OK_AND_ASSIGN(const Secret dek, Ring().Unwrap("v", kWrapped));
  EXPECT_EQ(dek.RevealText(), kDek);
}

TEST(LocalRingTest, AFullRingSurvivesItsText) {
  ASSERT_OK_AND_ASSIGN(LocalRing ring, LocalRing::New(256, kNow));
  while (ring.Versions().size() < kMaxRingVersions) {
    ASSERT_THAT(ring.AddVersion(256, kNow), IsOk());
  }
  EXPECT_THAT(ring.AddVersion(256, kNow), StatusIs(Code::kFailedPrecondition, HasSubstr("prune")));
  ASSERT_OK_AND_ASSIGN(const LocalRing again, LocalRing::Parse(ring.Format()));
  EXPECT_EQ(again.Versions().size(), kMaxRingVersions);
}

TEST(LocalRingTest, DamageOfAnyByteIsSeen) {
  const std::string text = kRing;
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    const auto ring = LocalRing::Parse(Secret(std::string_view(damaged)));
    // In the magic it is no ring at all; where it turns the format's number into another, a newer
    // one.
    EXPECT_FALSE(ring.ok()) << at;
    if (at > std::string_view("rbdcrypt-local-ring 1").size()) {
      EXPECT_THAT(ring, StatusIs(Code::kDataLoss)) << at;
    }
  }
}

TEST(LocalRingTest, ACutTextIsSeen) {
  const std::string_view text = kRing;
  for (std::size_t length = 0; length < text.size(); ++length) {
    EXPECT_FALSE(LocalRing::Parse(Secret(text.substr(0, length))).ok()) << length;
  }
}

TEST(LocalRingTest, WhatIsNoRingIsBadConfiguration) {
  for (const char* text : {"", "{}", "not a ring\n", "rbdcrypt-local-rin"}) {
    EXPECT_THAT(LocalRing::Parse(Secret(std::string_view(text))), StatusIs(Code::kInvalidArgument));
  }
  EXPECT_THAT(LocalRing::Parse(Secret("rbdcrypt-local-ring 2\n")),
              StatusIs(Code::kUnimplemented, HasSubstr("newer")));
}

TEST(LocalRingTest, TheNewestKeyWraps) {
  ASSERT_OK_AND_ASSIGN(LocalRing ring, LocalRing::New(128, kNow));
  ASSERT_OK_AND_ASSIGN(const std::string before, ring.Wrap("v", Secret(kDek)));
  EXPECT_EQ(VersionThatWrapped(before), 1U);
  EXPECT_THAT(ring.AddVersion(256, kNow), IsOkAndHolds(2U));
  ASSERT_OK_AND_ASSIGN(const std::string after, ring.Wrap("v", Secret(kDek)));
  EXPECT_EQ(VersionThatWrapped(after), 2U);
  for (const std::string& wrapped : {before, after}) {
    ASSERT_OK_AND_ASSIGN(const Secret dek, ring.Unwrap("v", wrapped));
    EXPECT_EQ(dek.RevealText(), kDek);
  }
}

TEST(LocalRingTest, APrunedVersionIsAMissingKeyNotDamage) {
  LocalRing ring = Ring();
  EXPECT_THAT(ring.Prune(1), IsOk());
  EXPECT_THAT(Numbers(ring), ::testing::ElementsAre(3));
  EXPECT_THAT(ring.Unwrap("v", kWrapped), StatusIs(Code::kNotFound, HasSubstr("ersion 1")));
}

TEST(LocalRingTest, PruneSparesTheNewestAndNamesTheUnknown) {
  LocalRing ring = Ring();
  EXPECT_THAT(ring.Prune(3), StatusIs(Code::kFailedPrecondition, HasSubstr("newest")));
  EXPECT_THAT(ring.Prune(2), StatusIs(Code::kNotFound, HasSubstr("version 2")));
  EXPECT_THAT(Numbers(ring), ::testing::ElementsAre(1, 3));
}

TEST(LocalRingTest, NumbersAreNeverUsedTwice) {
  LocalRing ring = Ring();
  EXPECT_THAT(ring.AddVersion(256, kNow), IsOkAndHolds(4U));
  EXPECT_THAT(ring.Prune(3), IsOk());
  EXPECT_THAT(ring.AddVersion(256, kNow), IsOkAndHolds(5U));
}

TEST(LocalRingTest, AnotherRingIsAMissingKeyNotDamage) {
  ASSERT_OK_AND_ASSIGN(const LocalRing other, LocalRing::New(256, kNow));
  EXPECT_THAT(other.Unwrap("v", kWrapped),
              StatusIs(Code::kNotFound, HasSubstr("00112233445566778899aabbccddeeff")));
}

TEST(LocalRingTest, ATextMovedToAnotherVolumeIsDataLoss) {
  EXPECT_THAT(Ring().Unwrap("w", kWrapped), StatusIs(Code::kDataLoss, HasSubstr("another volume")));
}

// Rewriting the key version, with a right sum, must not pass either: the tag covers it.
TEST(LocalRingTest, AForgedKeyVersionIsDataLoss) {
  ASSERT_OK_AND_ASSIGN(LocalText text, ParseLocalText(kWrapped));
  text.key_version = 3;
  EXPECT_THAT(Ring().Unwrap("v", FormatLocalText(text)), StatusIs(Code::kDataLoss));
}

TEST(LocalRingTest, ANonceOfAnotherLengthIsDataLoss) {
  ASSERT_OK_AND_ASSIGN(LocalText text, ParseLocalText(kWrapped));
  text.nonce.push_back(std::byte{0});
  EXPECT_THAT(Ring().Unwrap("v", FormatLocalText(text)), StatusIs(Code::kDataLoss));
}

}  // namespace
}  // namespace rbdcrypt::kms
