// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/wrapping.h"

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
using testing::FakeKmipKey;
using testing::FakeKmipRules;
using testing::Fetching;
using testing::GcmOnly;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::kKmipDek;
using testing::kKmipVolume;
using testing::KmipVectors;
using testing::KmipWorld;
using testing::NoCiphers;
using ::testing::Pair;
using testing::StatusIs;
using testing::TagBehindData;
using ::testing::UnorderedElementsAre;
using testing::UpTo10;
using testing::UpTo13;

// "cbc", "gcm", "ceph-csi cbc", "ceph-csi gcm": how a text was wrapped.
std::string KindOf(const Result<std::string>& wrapped) {
  if (!wrapped.ok()) {
    return wrapped.status().ToString();
  }
  const auto text = ParseDekText(*wrapped);
  if (!text.ok()) {
    return text.status().ToString();
  }
  if (const auto* const aead = std::get_if<AeadText>(&*text); aead != nullptr) {
    return aead->mode == AeadText::Mode::kGcm ? "gcm" : "cbc";
  }
  return std::get<kms::Envelope>(*text).nonce.size() == 16 ? "ceph-csi cbc" : "ceph-csi gcm";
}

TEST(KmipTextsTest, WritesTextsOfCephCsisShape) {
  KmipWorld world;
  // 32 and 16 bytes (ceph-csi-compat 6.10).
  EXPECT_THAT(world.Wrap(),
              IsOkAndHolds(::testing::MatchesRegex(
                  R"(\{"dek":"[A-Za-z0-9+/]{43}=","nonce":"[A-Za-z0-9+/]{22}=="\})")));
  EXPECT_THAT(world.Wrap(Fetching()),
              IsOkAndHolds(::testing::MatchesRegex(
                  R"(\{"dek":"[A-Za-z0-9+/]{59}=","nonce":"[A-Za-z0-9+/]{16}"\})")));
}

// What was recorded from ceph-csi and a real server, by every way to read it.
TEST(KmipTextsTest, UnwrapsWhatCephCsiWrote) {
  const FakeKmipRules kinds[] = {{},
                                 FakeKmipRules::PyKmip(),
                                 {.lacks = {Operation::kDecrypt}},
                                 {.lacks = {Operation::kEncrypt, Operation::kDecrypt}},
                                 {.lacks = {Operation::kGet}}};
  for (const FakeKmipRules& rules : kinds) {
    for (const Json& options : {Json::object(), Fetching(), Aead()}) {
      KmipWorld world(rules);
      for (const Json& vector : KmipVectors()["recorded"]) {
        EXPECT_THAT(world.Unwrap(vector["wrapped"].get<std::string>(), options),
                    IsOkAndHolds(vector["dek"].get<std::string>()));
      }
    }
  }
}

TEST(KmipTextsTest, UnwrapsWhatCephCsiWrappedWithAFetchedKey) {
  const auto wrapped = KmipVectors()["fetched"]["wrapped"].get<std::string>();
  const auto dek = KmipVectors()["fetched"]["dek"].get<std::string>();
  for (const FakeKmipRules& rules :
       {FakeKmipRules(), FakeKmipRules::PyKmip(), FakeKmipRules{.lacks = {Operation::kDecrypt}},
        FakeKmipRules{.lacks = {Operation::kGet}},
        FakeKmipRules{.versions = {{1, 3}, {1, 2}, {1, 1}, {1, 0}}, .lacks = {Operation::kGet}}}) {
    KmipWorld world(rules);
    EXPECT_THAT(world.Unwrap(wrapped), IsOkAndHolds(dek));
  }
}

TEST(KmipTextsTest, AKeyThatTheServerKeepsDecryptsThereAndThatIsRemembered) {
  const auto wrapped = KmipVectors()["fetched"]["wrapped"].get<std::string>();
  KmipWorld world;
  FakeKmipKey key = *world.server.keys().Find("kek-1");
  key.is_sensitive = true;
  world.server.keys().Put("kek-1", key);
  EXPECT_THAT(world.Unwrap(wrapped), IsOk());
  const auto again = world.Requests([&] { EXPECT_THAT(world.Unwrap(wrapped), IsOk()); });
  EXPECT_THAT(again, UnorderedElementsAre(Pair(Operation::kDecrypt, 1)));
  KmipWorld without({.modes = {BlockCipherMode::kCbc}});
  without.server.keys().Put("kek-1", key);
  EXPECT_THAT(without.Unwrap(wrapped),
              StatusIs(Code::kPermissionDenied, AllOf(HasSubstr("Sensitive"), HasSubstr("kek-1"))));
}

TEST(KmipTextsTest, AServerThatTakesNoCbcIsFoundOutOnce) {
  KmipWorld world(GcmOnly());
  const auto wrapped = KmipVectors()["recorded"][0]["wrapped"].get<std::string>();
  EXPECT_THAT(world.Unwrap(wrapped), IsOk());
  const auto again = world.Requests([&] { EXPECT_THAT(world.Unwrap(wrapped), IsOk()); });
  EXPECT_THAT(again, UnorderedElementsAre(Pair(Operation::kGet, 1)));
}

// One that has it, but not for this: what it says is told.
TEST(KmipTextsTest, ADecryptThatIsRefusedIsNotTakenForAMissingCipher) {
  KmipWorld world;
  world.server.FailAlways(Operation::kDecrypt, {.reason = ResultReason::kInvalidField});
  EXPECT_THAT(world.Unwrap(KmipVectors()["recorded"][0]["wrapped"].get<std::string>()), IsOk());
  KmipWorld once;
  once.server.Fail(Operation::kDecrypt, 1, {.reason = ResultReason::kInvalidField});
  EXPECT_THAT(once.Unwrap(KmipVectors()["recorded"][0]["wrapped"].get<std::string>()),
              StatusIs(Code::kInvalidArgument, HasSubstr("Invalid Field")));
}

TEST(KmipTextsTest, UnwrapsBothModesOfOursMadeElsewhere) {
  const Json ours = KmipVectors()["ours"];
  for (const FakeKmipRules& rules :
       {FakeKmipRules(), FakeKmipRules::PyKmip(), FakeKmipRules{.lacks = {Operation::kDecrypt}}}) {
    KmipWorld world(rules);
    world.server.keys().Put(ours["key"].get<std::string>(), *world.server.keys().Find("kek-1"));
    for (const char* mode : {"gcm", "cbc"}) {
      EXPECT_THAT(
          world.Unwrap(ours[mode].get<std::string>(), {}, ours["volume"].get<std::string>()),
          IsOkAndHolds(ours["dek"].get<std::string>()));
    }
  }
}

struct WayCase {
  std::string name;
  FakeKmipRules rules;
  Json options;
  std::string kind;
};

void PrintTo(const WayCase& way, std::ostream* out) {
  *out << way.name;
}

Json WithRpc(Json options, const char* value) {
  options["USE_CRYPTO_RPC"] = value;
  return options;
}

std::string NameOf(const ::testing::TestParamInfo<WayCase>& way) {
  return way.param.name;
}

// Every kind of server with every wish of an entry, and what is written then.
class KmipWays : public ::testing::TestWithParam<WayCase> {};

TEST_P(KmipWays, WrapInTheirWayAndUnwrapInEveryOther) {
  const WayCase& way = GetParam();
  KmipWorld world(way.rules);
  const auto wrapped = world.Wrap(way.options);
  ASSERT_EQ(KindOf(wrapped), way.kind);
  EXPECT_THAT(world.Unwrap(*wrapped, way.options), IsOkAndHolds(kKmipDek));
  // Whatever the entry and the server become: reading depends on the text alone.
  for (const FakeKmipRules& rules : {FakeKmipRules(), NoCiphers(), CbcOnly(), GcmOnly(), UpTo13(),
                                     UpTo10(), TagBehindData(), FakeKmipRules::PyKmip()}) {
    KmipWorld other(rules);
    for (const Json& options : {Json::object(), Aead(), Fetching(), WithRpc(Aead(), "true")}) {
      EXPECT_THAT(other.Unwrap(*wrapped, options), IsOkAndHolds(kKmipDek));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Servers,
    KmipWays,
    ::testing::Values(
        WayCase{"plain", {}, Json::object(), "ceph-csi cbc"},
        WayCase{"plain_rpc", {}, WithRpc({}, "true"), "ceph-csi cbc"},
        WayCase{"plain_fetched", {}, Fetching(), "ceph-csi gcm"},
        WayCase{"plain_no_ciphers", NoCiphers(), Json::object(), "ceph-csi gcm"},
        WayCase{"plain_no_decrypt", {.lacks = {Operation::kDecrypt}}, {}, "ceph-csi gcm"},
        WayCase{"plain_no_encrypt", {.lacks = {Operation::kEncrypt}}, {}, "ceph-csi gcm"},
        WayCase{"plain_gcm_only", GcmOnly(), Json::object(), "ceph-csi gcm"},
        WayCase{"plain_ancient", UpTo10(), Json::object(), "ceph-csi gcm"},
        WayCase{"plain_pykmip", FakeKmipRules::PyKmip(), Json::object(), "ceph-csi cbc"},
        WayCase{"plain_own_iv", {.makes_iv = true}, Json::object(), "ceph-csi cbc"},
        WayCase{"aead", {}, Aead(), "gcm"},
        WayCase{"aead_rpc", {}, WithRpc(Aead(), "true"), "gcm"},
        WayCase{"aead_fetched", {}, WithRpc(Aead(), "false"), "gcm"},
        WayCase{"aead_gcm_only", GcmOnly(), Aead(), "gcm"},
        WayCase{"aead_tag_behind", TagBehindData(), Aead(), "gcm"},
        WayCase{"aead_pykmip", FakeKmipRules::PyKmip(), Aead(), "gcm"},
        WayCase{"aead_cbc_only", CbcOnly(), Aead(), "cbc"},
        WayCase{"aead_cbc_only_rpc", CbcOnly(), WithRpc(Aead(), "true"), "cbc"},
        WayCase{"aead_old", UpTo13(), Aead(), "cbc"},
        WayCase{"aead_ignores_data", {.ignores_additional_data = true}, Aead(), "cbc"},
        WayCase{"aead_own_iv", {.makes_iv = true}, Aead(), "cbc"},
        WayCase{"aead_no_ciphers", NoCiphers(), Aead(), "gcm"},
        WayCase{"aead_ancient", UpTo10(), Aead(), "gcm"}),
    NameOf);

TEST(KmipWaysTest, WhatTheEntryWantsAndTheServerCannotIsToldWithTheWayOut) {
  for (const Json& options : {WithRpc({}, "true"), WithRpc(Aead(), "true")}) {
    KmipWorld world(NoCiphers());
    EXPECT_THAT(world.Wrap(options),
                StatusIs(Code::kUnimplemented,
                         AllOf(HasSubstr("kmip-1.example:5696"), HasSubstr("USE_CRYPTO_RPC"),
                               HasSubstr(kKmipVolume), HasSubstr("\"my-kms\""))));
  }
  KmipWorld no_get({.lacks = {Operation::kGet}});
  EXPECT_THAT(
      no_get.Wrap(Fetching()),
      StatusIs(Code::kUnimplemented, HasSubstr("USE_CRYPTO_RPC is \"false\": leave it out")));
  KmipWorld nothing({.lacks = {Operation::kGet, Operation::kEncrypt, Operation::kDecrypt}});
  EXPECT_THAT(nothing.Wrap(), StatusIs(Code::kUnimplemented, HasSubstr("name another server")));
  EXPECT_THAT(nothing.Unwrap(KmipVectors()["recorded"][0]["wrapped"].get<std::string>()),
              StatusIs(Code::kUnimplemented, HasSubstr("neither decrypts")));
}

}  // namespace
}  // namespace rbdcrypt::kmip
