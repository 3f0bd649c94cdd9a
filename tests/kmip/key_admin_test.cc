// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/key_admin.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kmip/aes_cbc.h"
#include "kms/envelope.h"
#include "tests/kmip/kmip_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kmip {
namespace {

using testing::Aead;
using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FakeKmip;
using testing::FakeKmipDialer;
using testing::FakeKmipKey;
using testing::FakeKmipRules;
using testing::Fetching;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::kKmipDek;
using testing::kKmipVolume;
using testing::KmipWorld;
using testing::NoCiphers;
using ::testing::Not;
using testing::StatusIs;
using testing::UpTo13;

class AdminWorld : public KmipWorld {
 public:
  explicit AdminWorld(FakeKmipRules rules = {}, const Json& options = Json::object())
      : KmipWorld(std::move(rules)), admin(*OpenAdmin(options)) {
    // The version is agreed upon before a request is counted.
    EXPECT_THAT(admin->DestroyKey(context(), "nobody"), StatusIs(Code::kNotFound));
  }

  Result<kms::KeyAdmin::NewKey> Create(const std::string& name = "new", int bits = 256) {
    return admin->CreateKey(context(), bits, name);
  }

  Status Destroy(const std::string& key_id) { return admin->DestroyKey(context(), key_id); }

  Result<bool> IsWrappedBy(std::string_view wrapped, std::string_view key_id) {
    return admin->IsWrappedBy(context(), kKmipVolume, wrapped, key_id);
  }

  State StateOf(const std::string& key_id) { return server.keys().Find(key_id)->state; }

  std::vector<std::string> Named(const std::string& name) { return server.keys().Named(name); }

  // The n-th request from now is carried out, and its answer lost with the connection.
  void LoseAnswer(int n) { dialer.FailRequest(n, FakeKmipDialer::Fault::kLostAfter); }

  // The same, and nothing reaches the server after it, until Revive().
  void DieAfter(int n) {
    LoseAnswer(n);
    const int last = server.Count() + n;
    server.OnRequest([this, last](const FakeKmip::Seen&) {
      if (server.Count() >= last) {
        dialer.FailDials(FakeKmipDialer::DialFault::kRefused);
      }
    });
  }

  void Revive() {
    server.OnRequest(nullptr);
    dialer.FailDials(std::nullopt);
    clock.Advance(std::chrono::minutes(5));
  }

  std::unique_ptr<kms::KeyAdmin> admin;
};

// Locate, Create, Activate, Locate, Get Attributes; and Get Attributes, Revoke, Destroy.
constexpr int kCreateSteps = 5;
constexpr int kDestroySteps = 3;

TEST(KmipKeyAdminTest, TakesTheseSteps) {
  AdminWorld world;
  int before = world.server.Count();
  ASSERT_THAT(world.Create(), IsOk());
  EXPECT_EQ(world.server.Count() - before, kCreateSteps);
  before = world.server.Count();
  ASSERT_THAT(world.Destroy("kek-2"), IsOk());
  EXPECT_EQ(world.server.Count() - before, kDestroySteps);
}

TEST(KmipKeyAdminTest, MakesAKeyThatIsReadyToWrapWith) {
  for (const FakeKmipRules& rules : {FakeKmipRules(), UpTo13(), FakeKmipRules::PyKmip()}) {
    for (const int bits : {128, 192, 256}) {
      AdminWorld world(rules);
      ASSERT_OK_AND_ASSIGN(const auto made, world.Create("new", bits));
      const FakeKmipKey key = *world.server.keys().Find(made.id);
      EXPECT_EQ(key.state, State::kActive);
      EXPECT_EQ(key.name, "new");
      EXPECT_EQ(key.usage_mask, 0x0CU);
      EXPECT_EQ(key.material.size(), static_cast<std::size_t>(bits) / 8);
      world.UseKey(made.id);
      ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap(Aead()));
      EXPECT_THAT(world.Unwrap(wrapped), IsOkAndHolds(kKmipDek));
    }
  }
}

TEST(KmipKeyAdminTest, SaysWhereTheIdentifierGoes) {
  AdminWorld plain;
  ASSERT_OK_AND_ASSIGN(const auto made, plain.Create());
  EXPECT_THAT(made.next_step,
              AllOf(HasSubstr(made.id), HasSubstr("UNIQUE_IDENTIFIER"), HasSubstr(plain.dir.path()),
                    HasSubstr("WRAP_FORMAT"), HasSubstr("kek-1")));
  AdminWorld ours({}, Aead());
  ASSERT_OK_AND_ASSIGN(const auto aead, ours.Create());
  EXPECT_THAT(aead.next_step, AllOf(HasSubstr(aead.id), Not(HasSubstr("WRAP_FORMAT"))));
}

TEST(KmipKeyAdminTest, ANameMustBeNew) {
  AdminWorld world;
  EXPECT_THAT(world.Create("first"),
              StatusIs(Code::kAlreadyExists,
                       AllOf(HasSubstr("\"my-kms\""), HasSubstr("kek-1"), HasSubstr("Active"))));
  EXPECT_EQ(world.server.Count(Operation::kCreate), 0);
}

TEST(KmipKeyAdminTest, BitsAndNameAreChecked) {
  AdminWorld world;
  for (const int bits : {0, 64, 255, 512}) {
    EXPECT_THAT(world.Create("new", bits), StatusIs(Code::kInvalidArgument));
  }
  for (const std::string& name : {std::string(), std::string(257, 'x'), std::string("a\nb")}) {
    EXPECT_THAT(world.Create(name), StatusIs(Code::kInvalidArgument));
  }
  EXPECT_EQ(world.server.Count(Operation::kLocate), 0);
}

// A crash after each step: what is left, and what the next run says.
TEST(KmipKeyAdminTest, AnInterruptedRunIsNamedByTheNext) {
  for (int step = 1; step <= kCreateSteps; ++step) {
    AdminWorld world;
    world.DieAfter(step);
    EXPECT_THAT(world.Create(), StatusIs(Code::kUnavailable)) << step;
    world.Revive();
    const std::vector<std::string> left = world.Named("new");
    ASSERT_EQ(left.size(), step == 1 ? 0U : 1U);
    const auto next = world.Create();
    if (left.empty()) {
      EXPECT_THAT(next, IsOk());
    } else {
      EXPECT_THAT(next, StatusIs(Code::kAlreadyExists,
                                 AllOf(HasSubstr(left[0]),
                                       HasSubstr(step == 2 ? "Pre-Active" : "Active"))));
    }
    EXPECT_EQ(world.Named("new").size(), 1U);
  }
}

TEST(KmipKeyAdminTest, AnAnswerLostAtAnyStepStillMakesOneKey) {
  for (int step = 1; step <= kCreateSteps; ++step) {
    for (const FakeKmipRules& rules : {FakeKmipRules(), FakeKmipRules::PyKmip()}) {
      AdminWorld world(rules);
      world.LoseAnswer(step);
      ASSERT_OK_AND_ASSIGN(const auto made, world.Create());
      EXPECT_THAT(world.Named("new"), ElementsAre(made.id));
      EXPECT_EQ(world.StateOf(made.id), State::kActive);
      EXPECT_EQ(world.server.Count(Operation::kCreate), 1);
    }
  }
}

TEST(KmipKeyAdminTest, ARequestThatNeverArrivedIsSentAgain) {
  for (int step = 1; step <= kCreateSteps; ++step) {
    AdminWorld world;
    world.dialer.FailRequest(step, FakeKmipDialer::Fault::kWriteFails);
    ASSERT_OK_AND_ASSIGN(const auto made, world.Create());
    EXPECT_THAT(world.Named("new"), ElementsAre(made.id));
  }
}

// A server that failed inside may have made the key, or not.
TEST(KmipKeyAdminTest, AfterAFailureInsideTheServerItIsLookedForFirst) {
  for (const bool acts : {true, false}) {
    for (const ResultReason reason :
         {ResultReason::kInternalServerError, ResultReason::kGeneralFailure}) {
      AdminWorld world;
      world.server.Fail(Operation::kCreate, 1, {.reason = reason, .acts = acts});
      ASSERT_OK_AND_ASSIGN(const auto made, world.Create());
      EXPECT_THAT(world.Named("new"), ElementsAre(made.id));
    }
  }
}

TEST(KmipKeyAdminTest, ARefusalIsAnAnswer) {
  AdminWorld world;
  world.server.FailAlways(Operation::kCreate, {.reason = ResultReason::kPermissionDenied});
  EXPECT_THAT(world.Create(), StatusIs(Code::kPermissionDenied, HasSubstr("was not done")));
  EXPECT_EQ(world.server.Count(Operation::kCreate), 1);
  EXPECT_EQ(world.server.Count(Operation::kLocate), 1);
  AdminWorld without({.lacks = {Operation::kCreate}});
  EXPECT_THAT(without.Create(), StatusIs(Code::kUnimplemented));
}

TEST(KmipKeyAdminTest, AServerThatIsDownSaysWhetherItMayHaveActed) {
  AdminWorld world;
  world.dialer.SetDown(true);
  EXPECT_THAT(world.Create(), StatusIs(Code::kUnavailable));
  EXPECT_THAT(world.Named("new"), IsEmpty());
  AdminWorld dying;
  dying.DieAfter(2);
  EXPECT_THAT(dying.Create(),
              StatusIs(Code::kUnavailable, AllOf(HasSubstr("may have done it"),
                                                 HasSubstr("look for that name there"))));
}

TEST(KmipKeyAdminTest, TwoThatCreateAtOnceAreFoundOut) {
  AdminWorld world;
  world.server.OnRequest([&](const FakeKmip::Seen& seen) {
    if (seen.operation == Operation::kActivate) {
      world.server.keys().Put("theirs", {.material = std::vector<std::byte>(32), .name = "new"});
    }
  });
  EXPECT_THAT(world.Create(), StatusIs(Code::kFailedPrecondition,
                                       AllOf(HasSubstr("theirs"), HasSubstr("not the only one"))));
}

TEST(KmipKeyAdminTest, AKeyThatIsNotWhatWasAskedForIsTold) {
  AdminWorld world;
  world.server.OnRequest([&](const FakeKmip::Seen& seen) {
    if (seen.operation == Operation::kGetAttributes) {
      FakeKmipKey key = *world.server.keys().Find(seen.key_id);
      key.material.resize(16);
      world.server.keys().Put(seen.key_id, key);
    }
  });
  EXPECT_THAT(world.Create(), StatusIs(Code::kFailedPrecondition, HasSubstr("128 bits")));
}

TEST(KmipKeyAdminTest, AnEndedContextEndsIt) {
  AdminWorld world;
  const Context ended(Context::Options{.clock = &world.clock, .is_cancelled = [] { return true; }});
  EXPECT_THAT(world.admin->CreateKey(ended, 256, "new"), StatusIs(Code::kCancelled));
  EXPECT_THAT(world.admin->DestroyKey(ended, "kek-2"), StatusIs(Code::kCancelled));
  EXPECT_THAT(world.Named("new"), IsEmpty());
  EXPECT_EQ(world.StateOf("kek-2"), State::kActive);
}

TEST(KmipKeyAdminTest, DestroysAKeyInWhateverState) {
  for (const State state :
       {State::kPreActive, State::kActive, State::kDeactivated, State::kCompromised}) {
    for (const FakeKmipRules& rules : {FakeKmipRules(), UpTo13(), FakeKmipRules::PyKmip()}) {
      AdminWorld world(rules);
      world.server.keys().SetState("kek-2", state);
      EXPECT_THAT(world.Destroy("kek-2"), IsOk());
      const auto left = world.server.keys().Find("kek-2");
      EXPECT_TRUE(!left.has_value() || left->state == State::kDestroyed ||
                  left->state == State::kDestroyedCompromised);
      // Again: OK of a server that remembers it, else it is not there.
      EXPECT_THAT(world.Destroy("kek-2"), StatusIs(left.has_value() ? Code::kOk : Code::kNotFound));
    }
  }
}

TEST(KmipKeyAdminTest, TheEntrysOwnKeyIsNotDestroyed) {
  AdminWorld world;
  EXPECT_THAT(world.Destroy("kek-1"),
              StatusIs(Code::kFailedPrecondition,
                       AllOf(HasSubstr("kek-1"), HasSubstr("UNIQUE_IDENTIFIER"))));
  EXPECT_EQ(world.server.Count(Operation::kRevoke), 0);
  EXPECT_EQ(world.StateOf("kek-1"), State::kActive);
}

TEST(KmipKeyAdminTest, WhatIsNoSymmetricKeyIsNotDestroyed) {
  AdminWorld world;
  world.server.keys().Put("certificate", {.object_type = ObjectType::kCertificate});
  EXPECT_THAT(world.Destroy("certificate"), StatusIs(Code::kFailedPrecondition));
  EXPECT_EQ(world.StateOf("certificate"), State::kActive);
}

TEST(KmipKeyAdminTest, AnInterruptedDestroyIsFinishedByTheNextRun) {
  for (int step = 1; step <= kDestroySteps; ++step) {
    for (const FakeKmipRules& rules : {FakeKmipRules(), FakeKmipRules::PyKmip()}) {
      AdminWorld world(rules);
      world.DieAfter(step);
      EXPECT_THAT(world.Destroy("kek-2"), StatusIs(Code::kUnavailable, HasSubstr("kek-2")));
      world.Revive();
      const auto left = world.server.keys().Find("kek-2");
      ASSERT_EQ(left.has_value(), step < kDestroySteps || !rules.has_blunt_reasons);
      if (left.has_value()) {
        EXPECT_EQ(left->state, step == 1   ? State::kActive
                               : step == 2 ? State::kDeactivated
                                           : State::kDestroyed);
      }
      EXPECT_THAT(world.Destroy("kek-2"), StatusIs(left.has_value() ? Code::kOk : Code::kNotFound));
    }
  }
}

// What it says then: the step that is open, and nothing of those that are done.
TEST(KmipKeyAdminTest, AnInterruptedDestroyNamesItsStep) {
  AdminWorld revoked;
  revoked.DieAfter(2);
  EXPECT_THAT(revoked.Destroy("kek-2"),
              StatusIs(Code::kUnavailable,
                       AllOf(HasSubstr("Revoke key kek-2"), HasSubstr("may have done it"))));
}

TEST(KmipKeyAdminTest, AnAnswerLostAtAnyStepStillDestroysIt) {
  for (int step = 1; step <= kDestroySteps; ++step) {
    for (const FakeKmipRules& rules : {FakeKmipRules(), FakeKmipRules::PyKmip()}) {
      AdminWorld world(rules);
      world.LoseAnswer(step);
      EXPECT_THAT(world.Destroy("kek-2"), IsOk());
      EXPECT_EQ(world.server.Count(Operation::kRevoke), 1);
      EXPECT_EQ(world.server.Count(Operation::kDestroy), 1);
    }
  }
}

TEST(KmipKeyAdminTest, ARefusedDestroyLeavesTheKey) {
  AdminWorld world;
  world.server.FailAlways(Operation::kDestroy, {.reason = ResultReason::kPermissionDenied});
  EXPECT_THAT(
      world.Destroy("kek-2"),
      StatusIs(Code::kPermissionDenied, AllOf(HasSubstr("kek-2"), HasSubstr("was not done"))));
  EXPECT_EQ(world.StateOf("kek-2"), State::kDeactivated);
}

TEST(KmipKeyAdminTest, OursSaysByWhichKeyItWasWrapped) {
  AdminWorld world;
  ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap(Aead()));
  const int before = world.server.Count();
  EXPECT_THAT(world.IsWrappedBy(wrapped, "kek-1"), IsOkAndHolds(true));
  EXPECT_THAT(world.IsWrappedBy(wrapped, "kek-2"), IsOkAndHolds(false));
  EXPECT_EQ(world.server.Count(), before);
}

TEST(KmipKeyAdminTest, OfCephCsisItIsTried) {
  for (const FakeKmipRules& rules : {FakeKmipRules(), FakeKmipRules::PyKmip(), NoCiphers()}) {
    for (const Json& options : {Json::object(), Fetching()}) {
      AdminWorld world(rules);
      ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap(options));
      EXPECT_THAT(world.IsWrappedBy(wrapped, "kek-1"), IsOkAndHolds(true));
      EXPECT_THAT(world.IsWrappedBy(wrapped, "kek-2"), IsOkAndHolds(false));
      EXPECT_THAT(world.IsWrappedBy(wrapped, "absent"), IsOkAndHolds(false));
      // After a rotation.
      world.UseKey("kek-2");
      const auto admin = *world.OpenAdmin();
      EXPECT_THAT(admin->IsWrappedBy(world.context(), kKmipVolume, wrapped, "kek-1"),
                  IsOkAndHolds(true));
    }
  }
}

// What must never be "no": then the key would be destroyed.
TEST(KmipKeyAdminTest, WhatCannotBeToldIsAnError) {
  AdminWorld world;
  ASSERT_OK_AND_ASSIGN(const std::string plain, world.Wrap());
  ASSERT_OK_AND_ASSIGN(const std::string fetched, world.Wrap(Fetching()));
  world.server.keys().Put("kek-3", {.material = std::vector<std::byte>(32)});
  world.UseKey("kek-3");
  const auto admin = *world.OpenAdmin();
  const auto asked = [&](std::string_view wrapped) {
    return admin->IsWrappedBy(world.context(), kKmipVolume, wrapped, "kek-2");
  };
  for (const std::string& wrapped : {plain, fetched}) {
    EXPECT_THAT(asked(wrapped),
                StatusIs(Code::kFailedPrecondition,
                         AllOf(HasSubstr(kKmipVolume), HasSubstr("kek-2"), HasSubstr("kek-3"))));
  }
  EXPECT_THAT(asked("{}"), StatusIs(Code::kDataLoss));
  world.dialer.SetDown(true);
  EXPECT_THAT(asked(plain), StatusIs(Code::kUnavailable));
}

// A wrong key makes padding in one case of 256.
TEST(KmipKeyAdminTest, PaddingByChanceIsNoProof) {
  AdminWorld world;
  ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap());
  const kms::Envelope envelope = *kms::ParseEnvelope(wrapped);
  bool has_padding_by_chance = false;
  for (int i = 0; i < 10000 && !has_padding_by_chance; ++i) {
    const Secret other = *RandomSecret(32);
    has_padding_by_chance = CbcOpen(other, envelope.nonce, envelope.ciphertext).ok();
    world.server.keys().Put("kek-2", {.material = {other.Reveal().begin(), other.Reveal().end()}});
  }
  ASSERT_TRUE(has_padding_by_chance);
  EXPECT_THAT(world.IsWrappedBy(wrapped, "kek-2"), IsOkAndHolds(false));
}

// After a crash between Revoke and Destroy, on a server whose deactivated keys do not decrypt.
TEST(KmipKeyAdminTest, ADeactivatedKeyIsToldByTheEntrysOwn) {
  AdminWorld world(FakeKmipRules::PyKmip());
  ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap());
  world.server.keys().SetState("kek-2", State::kDeactivated);
  EXPECT_THAT(world.IsWrappedBy(wrapped, "kek-2"), IsOkAndHolds(false));
}

TEST(KmipKeyAdminTest, APassphraseIsADekToo) {
  AdminWorld world;
  ASSERT_OK_AND_ASSIGN(const std::string wrapped,
                       world.Wrap({}, kKmipVolume, "a passphrase that a person chose"));
  EXPECT_THAT(world.IsWrappedBy(wrapped, "kek-1"), IsOkAndHolds(true));
  EXPECT_THAT(world.IsWrappedBy(wrapped, "kek-2"), IsOkAndHolds(false));
  // One whose bytes look like those of a wrong key cannot be told.
  ASSERT_OK_AND_ASSIGN(const std::string odd, world.Wrap({}, kKmipVolume, "\xC3\xA4\x01"));
  EXPECT_THAT(world.IsWrappedBy(odd, "kek-1"), StatusIs(Code::kFailedPrecondition));
}

}  // namespace
}  // namespace rbdcrypt::kmip
