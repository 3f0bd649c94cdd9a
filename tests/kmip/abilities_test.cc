// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/abilities.h"

#include <functional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kmip/kmip_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kmip {
namespace {

using ::testing::Eq;
using testing::FakeKmip;
using testing::FakeKmipRules;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::KmipWorld;
using ::testing::Optional;
using ::testing::Pair;
using testing::StatusIs;
using ::testing::UnorderedElementsAre;

// Of servers that speak no newer one than the first.
const std::vector<Version> kUpTo13 = {{1, 3}, {1, 2}, {1, 1}, {1, 0}};
const std::vector<Version> kUpTo12 = {{1, 2}, {1, 1}, {1, 0}};
const std::vector<Version> kUpTo11 = {{1, 1}, {1, 0}};

// One client, and what it asks of its server's abilities.
class AbilitiesWorld {
 public:
  explicit AbilitiesWorld(FakeKmipRules rules = {}) : world(std::move(rules)) {
    entry =
        *world.family->Open(world.context(), *ParseOptions(world.Entry()), kms::Urgency::kMount);
    // The version is agreed upon before anything is counted.
    EXPECT_THAT(entry->Run(world.context(), [](Session&) { return OkStatus(); }), IsOk());
  }

  template <typename T>
  Result<T> Ask(const std::function<Result<T>(Abilities& abilities)>& question) {
    T answer = {};
    const Context context = world.context();
    const Status asked = entry->Run(context, [&](Session& session) -> Status {
      Abilities abilities(context, session, entry->kept->memory);
      ASSIGN_OR_RETURN(answer, question(abilities));
      return OkStatus();
    });
    if (!asked.ok()) {
      return asked;
    }
    return answer;
  }

  Result<bool> Has(Operation operation) {
    return Ask<bool>([&](Abilities& abilities) { return abilities.Has(operation); });
  }

  Result<bool> Cbc(const std::string& key_id = "kek-1") {
    return Ask<bool>([&](Abilities& abilities) { return abilities.Cbc(key_id); });
  }

  Result<std::optional<GcmDialect>> Gcm(GcmUse use, const std::string& key_id = "kek-1") {
    return Ask<std::optional<GcmDialect>>(
        [&](Abilities& abilities) { return abilities.Gcm(key_id, use); });
  }

  KmipWorld world;
  std::shared_ptr<const OpenedEntry> entry;
};

TEST(AbilitiesTest, QueryIsAskedOnceAnHour) {
  AbilitiesWorld world;
  const auto ask = [&] { EXPECT_THAT(world.Has(Operation::kEncrypt), IsOkAndHolds(true)); };
  EXPECT_THAT(world.world.Requests(ask), UnorderedElementsAre(Pair(Operation::kQuery, 1)));
  world.world.clock.Advance(std::chrono::minutes(59));
  EXPECT_THAT(world.world.Requests(ask), IsEmpty());
  world.world.clock.Advance(std::chrono::minutes(1));
  EXPECT_THAT(world.world.Requests(ask), UnorderedElementsAre(Pair(Operation::kQuery, 1)));
}

TEST(AbilitiesTest, WhatWasLearntEndsWithItsVersion) {
  AbilitiesWorld world;
  EXPECT_THAT(world.Gcm(GcmUse::kWithAdditionalData), IsOkAndHolds(Optional(GcmDialect())));
  world.world.server.SetRules({.versions = kUpTo12});
  world.world.dialer.SetDown(true);
  EXPECT_THAT(world.Has(Operation::kEncrypt), StatusIs(Code::kUnavailable));
  world.world.dialer.SetDown(false);
  world.world.clock.Advance(std::chrono::minutes(5));
  EXPECT_THAT(world.Gcm(GcmUse::kWithAdditionalData), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_EQ(world.world.server.Count(Operation::kQuery), 1);
  EXPECT_THAT(world.Gcm(GcmUse::kPlain),
              IsOkAndHolds(Optional(GcmDialect{.has_tag_field = false})));
  EXPECT_EQ(world.world.server.Count(Operation::kQuery), 2);
}

TEST(AbilitiesTest, AnOperationIsThereWhereItIsListed) {
  AbilitiesWorld world({.lacks = {Operation::kEncrypt}});
  EXPECT_THAT(world.Has(Operation::kEncrypt), IsOkAndHolds(false));
  EXPECT_THAT(world.Has(Operation::kDecrypt), IsOkAndHolds(true));
  EXPECT_THAT(world.Has(Operation::kGet), IsOkAndHolds(true));
}

TEST(AbilitiesTest, WhereQueryIsNotAnsweredTheVersionDecides) {
  for (const ResultReason reason :
       {ResultReason::kOperationNotSupported, ResultReason::kPermissionDenied}) {
    for (const auto& versions : {kUpTo11, kUpTo12}) {
      AbilitiesWorld world({.versions = versions});
      world.world.server.FailAlways(Operation::kQuery, {.reason = reason});
      const bool has_ciphers = versions == kUpTo12;
      const auto requests = world.world.Requests([&] {
        EXPECT_THAT(world.Has(Operation::kEncrypt), IsOkAndHolds(has_ciphers));
        EXPECT_THAT(world.Has(Operation::kDecrypt), IsOkAndHolds(has_ciphers));
        EXPECT_THAT(world.Has(Operation::kGet), IsOkAndHolds(true));
      });
      EXPECT_THAT(requests, UnorderedElementsAre(Pair(Operation::kQuery, 1)));
    }
  }
}

TEST(AbilitiesTest, AFailureOfQueryIsNoAnswer) {
  AbilitiesWorld world;
  world.world.server.FailAlways(Operation::kQuery, {.reason = ResultReason::kInternalServerError});
  EXPECT_THAT(world.Has(Operation::kEncrypt), StatusIs(Code::kUnavailable));
  world.world.server.Heal();
  world.world.clock.Advance(std::chrono::minutes(5));
  EXPECT_THAT(world.Has(Operation::kEncrypt), IsOkAndHolds(true));
}

TEST(AbilitiesTest, CbcIsTriedThereAndBackOnce) {
  AbilitiesWorld world;
  const auto ask = [&] { EXPECT_THAT(world.Cbc(), IsOkAndHolds(true)); };
  EXPECT_THAT(world.world.Requests(ask),
              UnorderedElementsAre(Pair(Operation::kQuery, 1), Pair(Operation::kEncrypt, 1),
                                   Pair(Operation::kDecrypt, 1)));
  EXPECT_THAT(world.world.Requests(ask), IsEmpty());
}

TEST(AbilitiesTest, AServerWithoutCbcHasNone) {
  AbilitiesWorld world({.modes = {BlockCipherMode::kGcm}});
  EXPECT_THAT(world.Cbc(), IsOkAndHolds(false));
  EXPECT_THAT(world.Gcm(GcmUse::kWithAdditionalData), IsOkAndHolds(Optional(GcmDialect())));
}

TEST(AbilitiesTest, AnIvOfTheServersOwnIsTaken) {
  AbilitiesWorld world({.makes_iv = true});
  EXPECT_THAT(world.Cbc(), IsOkAndHolds(true));
  // Of 16 bytes, where a nonce has 12.
  EXPECT_THAT(world.Gcm(GcmUse::kWithAdditionalData), IsOkAndHolds(Eq(std::nullopt)));
}

TEST(AbilitiesTest, ACiphertextOfAWrongLengthIsOfNoUse) {
  AbilitiesWorld world;
  world.world.server.OnAnswer([](const FakeKmip::Seen& seen, std::vector<std::byte>& answer) {
    if (seen.operation == Operation::kEncrypt) {
      // The length of Data, the last field: 48 instead of 32, say, cannot be; 28 of 32 can.
      for (std::size_t at = 0; at + 8 < answer.size(); ++at) {
        const bool is_data = answer[at] == std::byte{0x42} && answer[at + 1] == std::byte{0x00} &&
                             answer[at + 2] == std::byte{0xC2};
        if (is_data) {
          answer[at + 7] = std::byte{0x1F};
          answer[at + 8 + 0x1F] = std::byte{0};
        }
      }
    }
  });
  EXPECT_THAT(world.Cbc(), IsOkAndHolds(false));
}

struct TagCase {
  std::vector<Version> versions;
  FakeKmipRules::TagPlace place;
  GcmUse use;
  std::optional<GcmDialect> dialect;
};

TEST(AbilitiesTest, GcmIsLearntWithThePlaceOfItsTag) {
  using Place = FakeKmipRules::TagPlace;
  const TagCase cases[] = {
      {KnownVersions(), Place::kByVersion, GcmUse::kWithAdditionalData, GcmDialect()},
      {KnownVersions(), Place::kBehindData, GcmUse::kWithAdditionalData,
       GcmDialect{.has_tag_field = false}},
      {KnownVersions(), Place::kByVersion, GcmUse::kPlain, GcmDialect()},
      {kUpTo13, Place::kByVersion, GcmUse::kPlain, GcmDialect{.has_tag_field = false}},
      {kUpTo13, Place::kByVersion, GcmUse::kWithAdditionalData, std::nullopt}};
  for (const TagCase& one : cases) {
    AbilitiesWorld world({.versions = one.versions, .tag_place = one.place});
    EXPECT_THAT(world.Gcm(one.use), IsOkAndHolds(Eq(one.dialect)));
  }
}

TEST(AbilitiesTest, PyKmipNeedsTheLengthsAnnounced) {
  AbilitiesWorld world(FakeKmipRules::PyKmip());
  EXPECT_THAT(world.Gcm(GcmUse::kWithAdditionalData), IsOkAndHolds(Optional(GcmDialect())));
}

TEST(AbilitiesTest, AServerThatWantsNoLengthsIsToldNone) {
  AbilitiesWorld world;
  world.world.server.Fail(Operation::kEncrypt, 1, {.reason = ResultReason::kInvalidField});
  EXPECT_THAT(world.Gcm(GcmUse::kWithAdditionalData),
              IsOkAndHolds(Optional(GcmDialect{.announces_lengths = false})));
}

TEST(AbilitiesTest, AServerWithoutGcmHasNone) {
  AbilitiesWorld world({.modes = {BlockCipherMode::kCbc}});
  const auto ask = [&] {
    EXPECT_THAT(world.Gcm(GcmUse::kWithAdditionalData), IsOkAndHolds(Eq(std::nullopt)));
  };
  EXPECT_THAT(world.world.Requests(ask),
              UnorderedElementsAre(Pair(Operation::kQuery, 1), Pair(Operation::kEncrypt, 2)));
  EXPECT_THAT(world.world.Requests(ask), IsEmpty());
}

// Safety E2: what it wrapped would be bound to nothing.
TEST(AbilitiesTest, AServerThatIgnoresAdditionalDataHasNoGcmForIt) {
  AbilitiesWorld world({.ignores_additional_data = true});
  EXPECT_THAT(world.Gcm(GcmUse::kWithAdditionalData), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_THAT(world.Gcm(GcmUse::kPlain), IsOkAndHolds(Optional(GcmDialect())));
}

TEST(AbilitiesTest, WhatIsWrongWithTheKeySaysNothingOfTheServer) {
  AbilitiesWorld world;
  EXPECT_THAT(world.Cbc("absent"), StatusIs(Code::kNotFound));
  EXPECT_THAT(world.Gcm(GcmUse::kPlain, "absent"), StatusIs(Code::kNotFound));
  world.world.server.keys().SetState("kek-1", State::kDeactivated);
  EXPECT_THAT(world.Cbc(), StatusIs(Code::kFailedPrecondition));
  world.world.server.keys().SetState("kek-1", State::kActive);
  EXPECT_THAT(world.Cbc(), IsOkAndHolds(true));
  EXPECT_THAT(world.Gcm(GcmUse::kPlain), IsOkAndHolds(Optional(GcmDialect())));
}

TEST(AbilitiesTest, ALostConnectionSaysNothingOfTheServer) {
  AbilitiesWorld world;
  EXPECT_THAT(world.Has(Operation::kEncrypt), IsOkAndHolds(true));
  world.world.dialer.FailRequests(testing::FakeKmipDialer::Fault::kLostAfter);
  EXPECT_THAT(world.Gcm(GcmUse::kPlain), StatusIs(Code::kUnavailable));
  world.world.dialer.FailRequests(std::nullopt);
  world.world.clock.Advance(std::chrono::minutes(5));
  EXPECT_THAT(world.Gcm(GcmUse::kPlain), IsOkAndHolds(Optional(GcmDialect())));
}

TEST(AbilitiesTest, AWithheldKeyIsRemembered) {
  AbilitiesWorld world;
  const auto withholds = [&](const std::string& key_id) {
    return world.Ask<bool>([&](Abilities& abilities) { return abilities.Withholds(key_id); });
  };
  EXPECT_THAT(withholds("kek-1"), IsOkAndHolds(false));
  EXPECT_THAT(world.Ask<bool>([](Abilities& abilities) -> Result<bool> {
    abilities.NoteWithheld("kek-1");
    return true;
  }),
              IsOk());
  EXPECT_THAT(withholds("kek-1"), IsOkAndHolds(true));
  EXPECT_THAT(withholds("kek-2"), IsOkAndHolds(false));
  world.world.clock.Advance(std::chrono::hours(1));
  EXPECT_THAT(withholds("kek-1"), IsOkAndHolds(false));
}

}  // namespace
}  // namespace rbdcrypt::kmip
