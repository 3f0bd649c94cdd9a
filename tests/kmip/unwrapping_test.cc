// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/unwrapping.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kmip/dek_text.h"
#include "tests/kmip/kmip_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kmip {
namespace {

using testing::Aead;
using ::testing::AllOf;
using testing::CbcOnly;
using testing::FakeKmipRules;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::kKmipDek;
using testing::kKmipVolume;
using testing::KmipWorld;
using testing::kOtherKmipVolume;
using testing::NoCiphers;
using testing::StatusIs;
using testing::TagBehindData;

TEST(KmipBindingTest, ASwappedVolumeIsFoundOutByOurs) {
  for (const FakeKmipRules& rules :
       {FakeKmipRules(), CbcOnly(), NoCiphers(), FakeKmipRules::PyKmip(), TagBehindData()}) {
    KmipWorld world(rules);
    ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap(Aead()));
    EXPECT_THAT(
        world.Unwrap(wrapped, Aead(), kOtherKmipVolume),
        StatusIs(Code::kDataLoss, AllOf(HasSubstr("another volume"), HasSubstr(kOtherKmipVolume),
                                        HasSubstr("\"my-kms\""))));
  }
}

// The part of a text that a swap would replace: the sealed DEK of one volume in the text of
// another, all of it, or field by field.
TEST(KmipBindingTest, ASwappedFieldIsFoundOutByOurs) {
  for (const FakeKmipRules& rules : {FakeKmipRules(), CbcOnly()}) {
    KmipWorld world(rules);
    const AeadText here = std::get<AeadText>(*ParseDekText(*world.Wrap(Aead())));
    const AeadText there = std::get<AeadText>(
        *ParseDekText(*world.Wrap(Aead(), kOtherKmipVolume, "their DEK of 28 characters!!")));
    for (const auto field :
         {&AeadText::iv, &AeadText::one_time_key, &AeadText::nonce, &AeadText::data}) {
      AeadText mixed = here;
      mixed.*field = there.*field;
      if (mixed.*field != here.*field) {
        EXPECT_THAT(world.Unwrap(FormatAeadText(mixed)), StatusIs(Code::kDataLoss));
      }
    }
    AeadText renamed = here;
    renamed.key_id = "kek-2";
    EXPECT_THAT(world.Unwrap(FormatAeadText(renamed)), StatusIs(Code::kDataLoss));
  }
}

// By the server, though the text's own sum was made right again.
TEST(KmipBindingTest, NoBitOfOursMayBeFlipped) {
  for (const FakeKmipRules& rules : {FakeKmipRules(), CbcOnly()}) {
    KmipWorld world(rules);
    ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap(Aead()));
    AeadText text = std::get<AeadText>(*ParseDekText(wrapped));
    for (const auto field :
         {&AeadText::iv, &AeadText::one_time_key, &AeadText::nonce, &AeadText::data}) {
      for (std::size_t bit = 0; bit < 8 * (text.*field).size(); ++bit) {
        AeadText flipped = text;
        (flipped.*field)[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
        EXPECT_THAT(world.Unwrap(FormatAeadText(flipped)), StatusIs(Code::kDataLoss)) << bit;
      }
    }
  }
}

TEST(KmipBindingTest, DamageThatCephCsisCbcShowsIsDataLoss) {
  for (const FakeKmipRules& rules : {FakeKmipRules(), FakeKmipRules::PyKmip(), NoCiphers()}) {
    KmipWorld world(rules);
    ASSERT_OK_AND_ASSIGN(const std::string wrapped, KmipWorld().Wrap());
    kms::Envelope envelope = *kms::ParseEnvelope(wrapped);
    // A bit of the padding, through the block before it.
    envelope.ciphertext[15] ^= std::byte{0x40};
    EXPECT_THAT(world.Unwrap(kms::FormatEnvelope(envelope)),
                StatusIs(Code::kDataLoss, AllOf(HasSubstr("does not verify"), HasSubstr("kek-1"))));
  }
}

// What it cannot show: the header is the proof (ADR 20).
TEST(KmipBindingTest, CephCsisCbcIsBoundToNothing) {
  KmipWorld world;
  ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap());
  EXPECT_THAT(world.Unwrap(wrapped, {}, kOtherKmipVolume), IsOkAndHolds(kKmipDek));
}

TEST(KmipBindingTest, ADamagedTextCostsNoRequest) {
  KmipWorld world;
  EXPECT_THAT(world.Unwrap("{}"),
              StatusIs(Code::kDataLoss, AllOf(HasSubstr(kKmipVolume), HasSubstr("\"my-kms\""))));
  EXPECT_EQ(world.dialer.dials(), 0);
}

TEST(KmipBindingTest, AfterARotationOldTextsUnwrapByTheKeyTheyName) {
  for (const FakeKmipRules& rules :
       {FakeKmipRules(), CbcOnly(), NoCiphers(), FakeKmipRules::PyKmip()}) {
    KmipWorld world(rules);
    ASSERT_OK_AND_ASSIGN(const std::string old, world.Wrap(Aead()));
    world.UseKey("kek-2");
    ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap(Aead()));
    EXPECT_THAT(old, HasSubstr("kek-1"));
    EXPECT_THAT(wrapped, HasSubstr("kek-2"));
    EXPECT_THAT(world.Unwrap(old), IsOkAndHolds(kKmipDek));
    EXPECT_THAT(world.Unwrap(wrapped), IsOkAndHolds(kKmipDek));
  }
}

// The new one need not even work for that.
TEST(KmipBindingTest, AnOldTextUnwrapsThoughTheEntrysKeyIsOfNoUse) {
  for (const FakeKmipRules& rules :
       {FakeKmipRules(), CbcOnly(), TagBehindData(), FakeKmipRules::PyKmip()}) {
    KmipWorld world(rules);
    ASSERT_OK_AND_ASSIGN(const std::string old, world.Wrap(Aead()));
    world.UseKey("absent");
    EXPECT_THAT(world.Unwrap(old), IsOkAndHolds(kKmipDek));
  }
}

// Then the place of the tag cannot be learnt: that is no damage.
TEST(KmipBindingTest, WhereNeitherKeyEncryptsTheServerIsTakenToBeAsSpecified) {
  for (const FakeKmipRules& rules : {FakeKmipRules(), TagBehindData()}) {
    KmipWorld world(rules);
    ASSERT_OK_AND_ASSIGN(const std::string old, world.Wrap(Aead()));
    world.UseKey("absent");
    world.server.keys().SetState("kek-1", State::kDeactivated);
    world.Restart();
    if (rules.tag_place == FakeKmipRules::TagPlace::kByVersion) {
      EXPECT_THAT(world.Unwrap(old), IsOkAndHolds(kKmipDek));
    } else {
      EXPECT_THAT(world.Unwrap(old),
                  StatusIs(Code::kFailedPrecondition,
                           AllOf(HasSubstr("absent"), HasSubstr("UNIQUE_IDENTIFIER"))));
    }
  }
}

}  // namespace
}  // namespace rbdcrypt::kmip
