// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_kmip.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kmip/messages.h"
#include "kmip/operations.h"
#include "kmip/reasons.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using kmip::Operation;
using kmip::ResultReason;
using kmip::State;
using kmip::Version;

constexpr Version kOneTwo = {.major = 1, .minor = 2};
constexpr Version kOneFour = {.major = 1, .minor = 4};
constexpr Version kTwoOne = {.major = 2, .minor = 1};

constexpr kmip::CryptoParameters kGcm = {.mode = kmip::BlockCipherMode::kGcm,
                                         .algorithm = kmip::CryptographicAlgorithm::kAes,
                                         .tag_bytes = 16};

Result<kmip::Answer> Ask(FakeKmip& server,
                         const kmip::Request& request,
                         Version version = kOneFour) {
  const kmip::ItemId id = {};
  const Secret message = kmip::EncodeRequest(request, version, id);
  return kmip::DecodeAnswer(Secret(server.Answer(message.Reveal())), request, version, id);
}

std::optional<ResultReason> ReasonOf(FakeKmip& server,
                                     const kmip::Request& request,
                                     Version version = kOneFour) {
  return kmip::ReasonOf(Ask(server, request, version).status());
}

// Encrypts 32 bytes and decrypts what came; the place of the tag is the server's.
struct RoundTrip {
  Secret plain{std::string_view("0123456789abcdef0123456789abcdef")};
  std::vector<std::byte> iv = std::vector<std::byte>(12);
  kmip::CryptoParameters parameters = kGcm;

  kmip::Request Encrypt() const {
    return kmip::EncryptRequest({.key_id = "1", .parameters = parameters, .data = plain, .iv = iv});
  }

  kmip::Request Decrypt(const kmip::Encrypted& sealed) const {
    return kmip::DecryptRequest({.key_id = "1",
                                 .parameters = parameters,
                                 .data = sealed.data,
                                 .iv = iv,
                                 .tag = sealed.tag});
  }
};

FakeKmip Server(FakeKmip::Rules rules) {
  auto keys = std::make_shared<FakeKmipKeys>();
  keys->Put("1", {.material = std::vector<std::byte>(32), .name = "kek"});
  return FakeKmip(std::move(rules), std::move(keys));
}

struct TagCase {
  FakeKmip::Rules::TagPlace place;
  Version version;
  std::size_t data_bytes;
  std::size_t tag_bytes;
};

TEST(FakeKmipTest, TheTagStandsWhereItIsTold) {
  using Place = FakeKmip::Rules::TagPlace;
  for (const TagCase& one :
       {TagCase{Place::kByVersion, kOneFour, 32, 16}, TagCase{Place::kByVersion, kOneTwo, 48, 0},
        TagCase{Place::kField, kOneTwo, 32, 16}, TagCase{Place::kBehindData, kTwoOne, 48, 0}}) {
    FakeKmip server = Server({.tag_place = one.place});
    const RoundTrip trip;
    const auto answer = Ask(server, trip.Encrypt(), one.version);
    ASSERT_THAT(answer, IsOk());
    const auto sealed = kmip::ReadEncrypted(*answer);
    EXPECT_EQ(sealed->data.size(), one.data_bytes);
    EXPECT_EQ(sealed->tag.size(), one.tag_bytes);
    // Below 1.4 a request has no place for a tag of its own.
    const bool fits = one.tag_bytes == 0 || one.version >= kOneFour;
    EXPECT_EQ(Ask(server, trip.Decrypt(*sealed), one.version).ok(), fits);
  }
}

TEST(FakeKmipTest, WhatDoesNotAuthenticateIsRefusedInItsOwnWords) {
  for (const bool is_blunt : {false, true}) {
    FakeKmip server = Server({.has_blunt_reasons = is_blunt});
    const RoundTrip trip;
    auto sealed = kmip::ReadEncrypted(*Ask(server, trip.Encrypt()));
    sealed->tag[0] ^= std::byte{1};
    EXPECT_EQ(ReasonOf(server, trip.Decrypt(*sealed)),
              is_blunt ? ResultReason::kGeneralFailure : ResultReason::kCryptographicFailure);
  }
}

TEST(FakeKmipTest, ParametersThatItDoesNotTakeAreRefused) {
  FakeKmip cbc_only = Server({.modes = {kmip::BlockCipherMode::kCbc}});
  EXPECT_EQ(ReasonOf(cbc_only, RoundTrip().Encrypt()), ResultReason::kInvalidField);
  EXPECT_EQ(ReasonOf(cbc_only, RoundTrip().Encrypt(), kTwoOne),
            ResultReason::kUnsupportedCryptographicParameters);
  FakeKmip needs_length = Server({.needs_tag_length = true});
  RoundTrip trip;
  EXPECT_THAT(Ask(needs_length, trip.Encrypt()), IsOk());
  trip.parameters.tag_bytes = std::nullopt;
  EXPECT_EQ(ReasonOf(needs_length, trip.Encrypt()), ResultReason::kInvalidField);
}

TEST(FakeKmipTest, AnIvOfItsOwnIsTold) {
  FakeKmip server = Server({.makes_iv = true});
  RoundTrip trip;
  const auto sealed = kmip::ReadEncrypted(*Ask(server, trip.Encrypt()));
  ASSERT_EQ(sealed->iv.size(), 16U);
  trip.iv = sealed->iv;
  EXPECT_THAT(Ask(server, trip.Decrypt(*sealed)), IsOk());
}

struct StateCase {
  State state;
  bool encrypts;
  bool decrypts;
  bool is_given;
};

TEST(FakeKmipTest, StatesServeWhatTheSpecificationSays) {
  for (const StateCase& one : {StateCase{State::kPreActive, false, false, true},
                               StateCase{State::kActive, true, true, true},
                               StateCase{State::kDeactivated, false, true, true},
                               StateCase{State::kCompromised, false, true, true},
                               StateCase{State::kDestroyed, false, false, false},
                               StateCase{State::kDestroyedCompromised, false, false, false}}) {
    FakeKmip server = Server({});
    FakeKmip like_pykmip(FakeKmip::Rules::PyKmip(), server.shared_keys());
    const RoundTrip trip;
    const auto sealed = kmip::ReadEncrypted(*Ask(server, trip.Encrypt()));
    server.keys().SetState("1", one.state);
    EXPECT_EQ(Ask(server, trip.Encrypt()).ok(), one.encrypts) << NameOf(one.state);
    EXPECT_EQ(Ask(server, trip.Decrypt(*sealed)).ok(), one.decrypts) << NameOf(one.state);
    EXPECT_EQ(Ask(server, kmip::GetRequest("1")).ok(), one.is_given) << NameOf(one.state);
    EXPECT_EQ(Ask(like_pykmip, trip.Decrypt(*sealed)).ok(), one.state == State::kActive);
    EXPECT_THAT(Ask(server, kmip::GetAttributesRequest("1")), IsOk());
  }
}

TEST(FakeKmipTest, QueryTellsWhatItIsTold) {
  FakeKmip server = Server({.lacks = {Operation::kEncrypt}, .vendor = ""});
  const auto honest = kmip::ReadServerInformation(*Ask(server, kmip::QueryRequest()));
  EXPECT_FALSE(honest->Has(Operation::kEncrypt));
  EXPECT_TRUE(honest->Has(Operation::kGet));
  EXPECT_EQ(honest->vendor, "");
  server.SetRules({.lacks = {Operation::kEncrypt}, .lists_what_it_lacks = true});
  const auto boasting = kmip::ReadServerInformation(*Ask(server, kmip::QueryRequest()));
  EXPECT_TRUE(boasting->Has(Operation::kEncrypt));
  EXPECT_EQ(ReasonOf(server, RoundTrip().Encrypt()), ResultReason::kOperationNotSupported);
}

TEST(FakeKmipTest, VersionsThatItDoesNotSpeakAreInvalidMessages) {
  FakeKmip server = Server({.versions = {kOneTwo}});
  EXPECT_EQ(ReasonOf(server, kmip::GetRequest("1"), kTwoOne), ResultReason::kInvalidMessage);
  const auto common =
      Ask(server, kmip::DiscoverVersionsRequest({kTwoOne, kOneFour, kOneTwo}), kOneTwo);
  EXPECT_THAT(kmip::ReadVersions(*common).value(), ::testing::ElementsAre(kOneTwo));
}

TEST(FakeKmipTest, FieldsOutOfOrderAreInvalidMessages) {
  FakeKmip server = Server({});
  kmip::Request request = kmip::GetRequest("1");
  request.write_payload = [](Version, kmip::TtlvWriter& payload) {
    payload.Enum(kmip::Tag::kKeyFormatType, kmip::KeyFormatType::kRaw)
        .Text(kmip::Tag::kUniqueIdentifier, "1");
  };
  EXPECT_EQ(ReasonOf(server, request), ResultReason::kInvalidMessage);
}

TEST(FakeKmipTest, FailuresComeWhenTheyAreDue) {
  FakeKmip server = Server({});
  server.Fail(Operation::kGet, 2, {.reason = ResultReason::kServerLimitExceeded});
  server.Fail(std::nullopt, 4, {.is_of_whole_message = true});
  EXPECT_THAT(Ask(server, kmip::GetRequest("1")), IsOk());
  EXPECT_THAT(Ask(server, kmip::QueryRequest()), IsOk());
  EXPECT_EQ(ReasonOf(server, kmip::GetRequest("1")), ResultReason::kServerLimitExceeded);
  EXPECT_EQ(ReasonOf(server, kmip::GetRequest("1")), ResultReason::kGeneralFailure);
  EXPECT_THAT(Ask(server, kmip::GetRequest("1")), IsOk());
  server.FailAlways(Operation::kGet, {.reason = ResultReason::kSensitive});
  EXPECT_EQ(ReasonOf(server, kmip::GetRequest("1")), ResultReason::kSensitive);
  EXPECT_EQ(ReasonOf(server, kmip::GetRequest("1")), ResultReason::kSensitive);
  server.Heal();
  EXPECT_THAT(Ask(server, kmip::GetRequest("1")), IsOk());
  EXPECT_EQ(server.Count(Operation::kGet), 7);
  EXPECT_EQ(server.Count(), 8);
}

TEST(FakeKmipTest, AFailureMayComeAfterTheDeed) {
  FakeKmip server = Server({});
  server.Fail(Operation::kRevoke, 1, {.acts = true});
  EXPECT_EQ(ReasonOf(server, kmip::RevokeRequest("1")), ResultReason::kGeneralFailure);
  EXPECT_EQ(server.keys().Find("1")->state, State::kDeactivated);
}

TEST(FakeKmipTest, HooksSeeAndChange) {
  FakeKmip server = Server({});
  std::string seen;
  server.OnRequest([&seen](const FakeKmip::Seen& request) { seen = request.key_id; });
  server.OnAnswer([](const FakeKmip::Seen&, std::vector<std::byte>& answer) { answer.pop_back(); });
  EXPECT_THAT(Ask(server, kmip::GetRequest("1")), StatusIs(Code::kDataLoss));
  EXPECT_EQ(seen, "1");
  EXPECT_EQ(server.seen().back().version, kOneFour);
}

}  // namespace
}  // namespace rbdcrypt::testing
