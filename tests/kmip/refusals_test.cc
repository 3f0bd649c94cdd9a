// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kmip/kmip_kms.h"
#include "tests/kmip/kmip_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kmip {
namespace {

using testing::Aead;
using ::testing::AllOf;
using testing::FakeKmipKey;
using testing::FakeKmipRules;
using testing::Fetching;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::kKmipDek;
using testing::kKmipVolume;
using testing::KmipWorld;
using ::testing::Pair;
using testing::StatusIs;
using ::testing::UnorderedElementsAre;
using testing::UpTo13;

struct StateCase {
  State state;
  Code wrap;
  const char* wrap_text;
  Code unwrap;
  const char* unwrap_text;
};

// As the specification has it, and as PyKMIP does: one answer for every reason.
TEST(KmipRefusalsTest, EachStateOfAKeyHasItsCodeAndNextStep) {
  const StateCase strict[] = {
      {State::kPreActive, Code::kFailedPrecondition, "activate it", Code::kFailedPrecondition,
       "activate it"},
      {State::kDeactivated, Code::kFailedPrecondition, "create-key", Code::kOk, ""},
      {State::kCompromised, Code::kFailedPrecondition, "marked as compromised", Code::kOk, ""},
      {State::kDestroyed, Code::kNotFound, "destroyed", Code::kNotFound, "destroyed"},
      {State::kDestroyedCompromised, Code::kNotFound, "destroyed", Code::kNotFound, "destroyed"}};
  const StateCase blunt[] = {
      {State::kPreActive, Code::kFailedPrecondition, "activate it", Code::kFailedPrecondition,
       "activate it"},
      {State::kDeactivated, Code::kFailedPrecondition, "create-key", Code::kFailedPrecondition,
       "server's policy"},
      {State::kCompromised, Code::kFailedPrecondition, "marked as compromised",
       Code::kFailedPrecondition, "server's policy"}};
  const auto check = [](const FakeKmipRules& rules, const StateCase& one, const Json& options) {
    KmipWorld world(rules);
    ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap(options));
    world.server.keys().SetState("kek-1", one.state);
    const auto named = AllOf(HasSubstr(kKmipVolume), HasSubstr("\"my-kms\""),
                             HasSubstr("kmip-1.example:5696"), HasSubstr("kek-1"));
    EXPECT_THAT(world.Wrap(options), StatusIs(one.wrap, AllOf(named, HasSubstr(one.wrap_text))));
    const auto unwrapped = world.Unwrap(wrapped, options);
    EXPECT_EQ(unwrapped.status().code(), one.unwrap) << unwrapped.status();
    if (!unwrapped.ok()) {
      EXPECT_THAT(unwrapped, StatusIs(one.unwrap, AllOf(named, HasSubstr(one.unwrap_text))));
    }
  };
  for (const Json& options : {Json::object(), Aead()}) {
    for (const StateCase& one : strict) {
      check({}, one, options);
      check(UpTo13(), one, options);
    }
    for (const StateCase& one : blunt) {
      check(FakeKmipRules::PyKmip(), one, options);
    }
  }
}

// Get gives out a key in any state: here we are the ones who look.
TEST(KmipRefusalsTest, AFetchedKeyWrapsOnlyWhileItIsActive) {
  for (const State state : {State::kPreActive, State::kDeactivated, State::kCompromised}) {
    KmipWorld world;
    ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap(Fetching()));
    world.server.keys().SetState("kek-1", state);
    EXPECT_THAT(world.Wrap(Fetching()), StatusIs(Code::kFailedPrecondition, HasSubstr("kek-1")));
    EXPECT_THAT(world.Unwrap(wrapped), IsOkAndHolds(kKmipDek));
  }
}

TEST(KmipRefusalsTest, AServerThatTellsNoStatesIsNotAskedTwice) {
  KmipWorld world;
  world.server.FailAlways(Operation::kGetAttributes, {.reason = ResultReason::kPermissionDenied});
  EXPECT_THAT(world.Wrap(Fetching()), IsOk());
  world.server.keys().SetState("kek-1", State::kDeactivated);
  EXPECT_THAT(world.Wrap(), StatusIs(Code::kFailedPrecondition, HasSubstr("kek-1")));
}

TEST(KmipRefusalsTest, AKeyThatIsNotThereIsNotFound) {
  KmipWorld world;
  ASSERT_OK_AND_ASSIGN(const std::string plain, world.Wrap());
  ASSERT_OK_AND_ASSIGN(const std::string ours, world.Wrap(Aead()));
  world.server.keys().Remove("kek-1");
  const auto told =
      StatusIs(Code::kNotFound, AllOf(HasSubstr("no key kek-1"), HasSubstr("UNIQUE_IDENTIFIER"),
                                      HasSubstr(kKmipVolume), HasSubstr("Item Not Found")));
  EXPECT_THAT(world.Wrap(), told);
  EXPECT_THAT(world.Wrap(Fetching()), told);
  EXPECT_THAT(world.Unwrap(plain), told);
  EXPECT_THAT(world.Unwrap(ours), told);
}

TEST(KmipRefusalsTest, AKeyOfAnotherKindIsTold) {
  struct Case {
    FakeKmipKey key;
    const char* text;
  };

  const std::vector<std::byte> material(32);
  const Case cases[] = {
      {{.material = material, .usage_mask = 0x30}, "Usage Mask"},
      {{.material = material, .object_type = ObjectType::kSecretData}, "no symmetric key"}};
  for (const Case& one : cases) {
    for (const FakeKmipRules& rules : {FakeKmipRules(), FakeKmipRules::PyKmip(), UpTo13()}) {
      KmipWorld world(rules);
      world.server.keys().Put("kek-1", one.key);
      EXPECT_THAT(world.Wrap(), StatusIs(Code::kFailedPrecondition,
                                         AllOf(HasSubstr("kek-1"), HasSubstr(one.text))));
    }
  }
  KmipWorld fetching;
  fetching.server.keys().Put("kek-1", {.material = std::vector<std::byte>(64)});
  EXPECT_THAT(fetching.Wrap(Fetching()),
              StatusIs(Code::kFailedPrecondition, HasSubstr("512 bits")));
  fetching.server.keys().Put("kek-1", {.material = material, .is_wrapped = true});
  EXPECT_THAT(fetching.Wrap(Fetching()), StatusIs(Code::kFailedPrecondition, HasSubstr("wrapped")));
}

TEST(KmipRefusalsTest, ADenialOfAGoodKeyIsAboutTheClient) {
  KmipWorld world;
  ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap());
  world.server.FailAlways(Operation::kDecrypt, {.reason = ResultReason::kPermissionDenied});
  const auto requests = world.Requests([&] {
    EXPECT_THAT(world.Unwrap(wrapped),
                StatusIs(Code::kPermissionDenied,
                         AllOf(HasSubstr("client's certificate"), HasSubstr("kek-1"))));
  });
  // Asked once what is wrong, and not more.
  EXPECT_THAT(requests, UnorderedElementsAre(Pair(Operation::kDecrypt, 1),
                                             Pair(Operation::kGetAttributes, 1)));
}

TEST(KmipRefusalsTest, GeneralFailureOfADecryptIsDamageAndOfAnEncryptIsNot) {
  KmipWorld world;
  ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap());
  world.server.FailAlways(Operation::kDecrypt, {.reason = ResultReason::kGeneralFailure});
  world.server.FailAlways(Operation::kEncrypt, {.reason = ResultReason::kGeneralFailure});
  EXPECT_THAT(world.Unwrap(wrapped), StatusIs(Code::kDataLoss));
  EXPECT_THAT(world.Wrap(), StatusIs(Code::kInternal, HasSubstr("General Failure")));
}

}  // namespace
}  // namespace rbdcrypt::kmip
