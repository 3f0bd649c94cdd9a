// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/key_state.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::kmip {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

constexpr KeyUse kUses[] = {KeyUse::kEncrypt, KeyUse::kDecrypt, KeyUse::kGetToWrap,
                            KeyUse::kGetToUnwrap};

KeyAttributes Good() {
  return {.object_type = ObjectType::kSymmetricKey,
          .algorithm = CryptographicAlgorithm::kAes,
          .length_bits = 256,
          .usage_mask = 0x0C,
          .state = State::kActive,
          .name = "kek"};
}

KeyAttributes In(State state) {
  KeyAttributes key = Good();
  key.state = state;
  return key;
}

Status Check(const KeyAttributes& key, KeyUse use) {
  return CheckKey(key, use, "1f2e");
}

TEST(KeyStateTest, AGoodKeyServesEveryUse) {
  for (const KeyUse use : kUses) {
    EXPECT_THAT(Check(Good(), use), IsOk());
  }
}

TEST(KeyStateTest, WhatTheServerDoesNotTellCountsAsRight) {
  for (const KeyUse use : kUses) {
    EXPECT_THAT(Check({}, use), IsOk());
  }
}

struct StateCase {
  State state;
  KeyUse use;
  Code code;
  const char* text;
};

TEST(KeyStateTest, EachStateHasItsMessageAndNextStep) {
  const StateCase cases[] = {
      {State::kPreActive, KeyUse::kEncrypt, Code::kFailedPrecondition, "activate it"},
      {State::kPreActive, KeyUse::kDecrypt, Code::kFailedPrecondition, "Pre-Active"},
      {State::kDeactivated, KeyUse::kEncrypt, Code::kFailedPrecondition, "create-key"},
      {State::kDeactivated, KeyUse::kGetToWrap, Code::kFailedPrecondition, "UNIQUE_IDENTIFIER"},
      {State::kDeactivated, KeyUse::kDecrypt, Code::kFailedPrecondition, "server's policy"},
      {State::kCompromised, KeyUse::kEncrypt, Code::kFailedPrecondition, "marked as compromised"},
      {State::kCompromised, KeyUse::kDecrypt, Code::kFailedPrecondition, "wrap its DEKs anew"},
      {State::kDestroyed, KeyUse::kEncrypt, Code::kNotFound, "backup of the key manager"},
      {State::kDestroyed, KeyUse::kDecrypt, Code::kNotFound, "destroyed"},
      {State::kDestroyedCompromised, KeyUse::kDecrypt, Code::kNotFound, "destroyed"}};
  for (const StateCase& one : cases) {
    EXPECT_THAT(Check(In(one.state), one.use),
                StatusIs(one.code, AllOf(HasSubstr("1f2e"), HasSubstr(one.text))));
  }
}

TEST(KeyStateTest, AStateOfTheFutureIsNoReason) {
  EXPECT_THAT(Check(In(static_cast<State>(77)), KeyUse::kEncrypt), IsOk());
}

TEST(KeyStateTest, AMaskMustHoldTheBitsOfTheUse) {
  KeyAttributes key = Good();
  key.usage_mask = 0x30;
  EXPECT_THAT(Check(key, KeyUse::kEncrypt),
              StatusIs(Code::kFailedPrecondition, HasSubstr("Usage Mask")));
  EXPECT_THAT(Check(key, KeyUse::kDecrypt), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(Check(key, KeyUse::kGetToWrap), IsOk());
  key.usage_mask = 0x08;
  EXPECT_THAT(Check(key, KeyUse::kEncrypt), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(Check(key, KeyUse::kDecrypt), IsOk());
}

TEST(KeyStateTest, ItMustBeAnAesKey) {
  KeyAttributes key = Good();
  key.object_type = ObjectType::kCertificate;
  EXPECT_THAT(Check(key, KeyUse::kEncrypt),
              StatusIs(Code::kFailedPrecondition, HasSubstr("no symmetric key")));
  key = Good();
  key.algorithm = CryptographicAlgorithm::kTripleDes;
  EXPECT_THAT(Check(key, KeyUse::kGetToWrap),
              StatusIs(Code::kFailedPrecondition, HasSubstr("no AES key")));
  for (const int bits : {128, 192, 256}) {
    key = Good();
    key.length_bits = bits;
    EXPECT_THAT(Check(key, KeyUse::kEncrypt), IsOk());
  }
  key.length_bits = 512;
  EXPECT_THAT(Check(key, KeyUse::kEncrypt),
              StatusIs(Code::kFailedPrecondition, HasSubstr("512 bits")));
}

}  // namespace
}  // namespace rbdcrypt::kmip
