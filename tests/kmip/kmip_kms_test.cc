// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/kmip_kms.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kmip/kmip_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kmip {
namespace {

using testing::Aead;
using ::testing::AllOf;
using testing::FakeKmip;
using testing::FakeKmipDialer;
using testing::Fetching;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::kKmipDek;
using testing::kKmipVolume;
using testing::KmipVectors;
using testing::KmipWorld;
using ::testing::Pair;
using testing::StatusIs;
using ::testing::UnorderedElementsAre;

TEST(KmipKmsTest, SaysWhatItIs) {
  KmipWorld world;
  ASSERT_OK_AND_ASSIGN(const auto kms, world.Open());
  EXPECT_EQ(kms->id(), "my-kms");
  EXPECT_EQ(kms->provider(), "kmip");
  EXPECT_EQ(kms->dek_bytes(), 20U);
  EXPECT_EQ(kms->identity(), kms::Kms::Identity::kDriver);
  EXPECT_EQ(kms->store(), nullptr);
  const kms::Provider provider = MakeProvider(world.family);
  EXPECT_FALSE(provider.keeps_deks);
  EXPECT_NE(provider.admin, nullptr);
}

TEST(KmipKmsTest, OpeningAsksNobodyAndNeedsNoCredentials) {
  KmipWorld world;
  const std::string folder = world.dir.path() + "/absent";
  ASSERT_OK_AND_ASSIGN(const auto kms, world.Open({{"KMIP_CREDENTIALS_DIR", folder}}));
  EXPECT_EQ(world.dialer.dials(), 0);
  EXPECT_THAT(kms->wrapper()->WrapDek(world.context(), kKmipVolume, Secret(kKmipDek)),
              StatusIs(Code::kUnavailable, AllOf(HasSubstr(kKmipVolume), HasSubstr("CA_CERT"))));
}

TEST(KmipKmsTest, ASecretWithoutKubernetesIsToldBeforeAnythingIsMade) {
  KmipWorld world;
  EXPECT_THAT(world.Open({{"KMIP_CREDENTIALS_DIR", ""}}),
              StatusIs(Code::kUnimplemented,
                       AllOf(HasSubstr("\"my-kms\""), HasSubstr("ceph-csi-kmip-credentials"),
                             HasSubstr("KMIP_CREDENTIALS_DIR"))));
}

TEST(KmipKmsTest, ABadOptionIsToldAtOpening) {
  KmipWorld world;
  EXPECT_THAT(world.Open({{"WRAP_FORMAT", "x"}}), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(world.OpenAdmin({{"WRAP_FORMAT", "x"}}), StatusIs(Code::kInvalidArgument));
}

TEST(KmipKmsTest, ADekHasAtLeastOneByteAndAtMost512) {
  KmipWorld world;
  EXPECT_THAT(world.Wrap({}, kKmipVolume, ""), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(world.Wrap({}, kKmipVolume, std::string(513, 'x')), StatusIs(Code::kInvalidArgument));
  for (const Json& options : {Json::object(), Aead(), Fetching()}) {
    for (const std::size_t bytes : {1, 16, 512}) {
      const std::string dek(bytes, 'x');
      ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap(options, kKmipVolume, dek));
      EXPECT_THAT(world.Unwrap(wrapped), IsOkAndHolds(dek));
    }
  }
}

TEST(KmipKmsTest, AColdUnwrapAsksQueryBesideAndAWarmOneNothing) {
  KmipWorld world;
  ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap());
  world.Restart();
  const auto unwrap = [&] { EXPECT_THAT(world.Unwrap(wrapped), IsOkAndHolds(kKmipDek)); };
  EXPECT_THAT(world.Requests(unwrap),
              UnorderedElementsAre(Pair(Operation::kDiscoverVersions, 1),
                                   Pair(Operation::kQuery, 1), Pair(Operation::kDecrypt, 1)));
  const int dials = world.dialer.dials();
  EXPECT_THAT(world.Requests(unwrap), UnorderedElementsAre(Pair(Operation::kDecrypt, 1)));
  EXPECT_EQ(world.dialer.dials(), dials);
}

TEST(KmipKmsTest, AWarmWrapIsOneRequestInEachWay) {
  for (const Json& options : {Json::object(), Aead()}) {
    for (const auto& modes : {std::set{BlockCipherMode::kCbc, BlockCipherMode::kGcm},
                              std::set{BlockCipherMode::kCbc}}) {
      KmipWorld world({.modes = modes});
      const auto wrap = [&] { EXPECT_THAT(world.Wrap(options), IsOk()); };
      wrap();
      EXPECT_THAT(world.Requests(wrap), UnorderedElementsAre(Pair(Operation::kEncrypt, 1)));
    }
  }
}

// kDataLoss says that the DEK is damaged, which a server that talks nonsense does not show.
TEST(KmipKmsTest, NonsenseOfTheServerIsNoDamageOfTheDek) {
  KmipWorld world;
  ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap());
  world.server.OnAnswer([](const FakeKmip::Seen& seen, std::vector<std::byte>& answer) {
    if (seen.operation == Operation::kDecrypt) {
      // Data becomes a tag that nobody knows.
      for (std::size_t at = 0; at + 2 < answer.size(); ++at) {
        if (answer[at] == std::byte{0x42} && answer[at + 1] == std::byte{0} &&
            answer[at + 2] == std::byte{0xC2}) {
          answer[at + 2] = std::byte{0xFB};
        }
      }
    }
  });
  EXPECT_THAT(world.Unwrap(wrapped), StatusIs(Code::kInternal));
}

TEST(KmipKmsTest, AServerThatIsDownIsUnavailable) {
  KmipWorld world;
  ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap());
  world.dialer.SetDown(true);
  const auto told = StatusIs(
      Code::kUnavailable,
      AllOf(HasSubstr("kmip-1.example:5696"), HasSubstr(kKmipVolume), HasSubstr("\"my-kms\"")));
  EXPECT_THAT(world.Wrap(), told);
  EXPECT_THAT(world.Unwrap(wrapped), told);
}

TEST(KmipKmsTest, TheSecondServerServesWhatTheFirstWrapped) {
  KmipWorld world;
  const Json both = {{"KMIP_ENDPOINT", "kmip-1.example:5696,kmip-2.example:5696"}};
  ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap(both));
  EXPECT_EQ(world.second.dials(), 0);
  world.dialer.SetDown(true);
  // Its abilities are its own.
  EXPECT_THAT(world.Requests([&] { EXPECT_THAT(world.Unwrap(wrapped, both), IsOk()); }),
              UnorderedElementsAre(Pair(Operation::kDiscoverVersions, 1),
                                   Pair(Operation::kQuery, 1), Pair(Operation::kDecrypt, 1)));
}

TEST(KmipKmsTest, ARefusedCertificateIsInvalidArgument) {
  KmipWorld world;
  world.dialer.FailDials(FakeKmipDialer::DialFault::kRefusesOurs);
  EXPECT_THAT(world.Wrap(), StatusIs(Code::kInvalidArgument, HasSubstr("\"my-kms\"")));
}

TEST(KmipKmsTest, AnUnusableCertificateIsToldWithItsPlace) {
  KmipWorld world;
  world.family = std::make_shared<KmipFamily>(KmipFamily::Options{
      .dial = [](const net::Endpoint& /*endpoint*/, const net::TlsOptions& /*tls*/)
          -> Result<std::unique_ptr<net::Dialer>> { return InvalidArgument("no pair"); }});
  EXPECT_THAT(world.Wrap(), StatusIs(Code::kInvalidArgument,
                                     AllOf(HasSubstr("\"my-kms\""), HasSubstr("CLIENT_CERT"),
                                           HasSubstr(world.dir.path()), HasSubstr("no pair"))));
}

TEST(KmipKmsTest, AFetchedKeyIsKeptOnlyAsLongAsTheEntrySays) {
  KmipWorld world;
  const auto fetch = [&](const Json& options) {
    return world.Requests([&] { EXPECT_THAT(world.Wrap(options), IsOk()); });
  };
  fetch(Fetching());
  EXPECT_THAT(fetch(Fetching()),
              UnorderedElementsAre(Pair(Operation::kGetAttributes, 1), Pair(Operation::kGet, 1)));
  Json keeping = Fetching();
  keeping["KEK_CACHE_SECONDS"] = "3600";
  fetch(keeping);
  EXPECT_THAT(fetch(keeping), IsEmpty());
  // Also while the server is down, and by texts of either format.
  ASSERT_OK_AND_ASSIGN(const std::string wrapped, world.Wrap(keeping));
  world.dialer.SetDown(true);
  EXPECT_THAT(world.Unwrap(wrapped, keeping), IsOkAndHolds(kKmipDek));
  EXPECT_THAT(world.Unwrap(KmipVectors()["recorded"][0]["wrapped"].get<std::string>(), keeping),
              IsOk());
  EXPECT_THAT(world.Unwrap(wrapped, Fetching()), StatusIs(Code::kUnavailable));
  world.family->Close();
  EXPECT_THAT(world.Unwrap(wrapped, keeping), StatusIs(Code::kUnavailable));
}

TEST(KmipKmsTest, EntriesWithTheSameServerShareItsConnections) {
  KmipWorld world;
  ASSERT_THAT(world.Wrap(), IsOk());
  ASSERT_THAT(world.Wrap(Aead()), IsOk());
  EXPECT_EQ(world.dialer.dials(), 1);
  world.dir.Write("CLIENT_CERT", "-----BEGIN CERTIFICATE-----\nbmV3\n-----END CERTIFICATE-----\n");
  ASSERT_THAT(world.Wrap(), IsOk());
  EXPECT_EQ(world.dialer.dials(), 2);
}

TEST(KmipKmsTest, ConnectProvesKeyAndWayForThePreflight) {
  KmipWorld world;
  const auto connect = [&](const Json& options) -> Status {
    ASSIGN_OR_RETURN(const auto kms, world.Open(options));
    return kms->Connect(world.context());
  };
  EXPECT_THAT(
      world.Requests([&] { EXPECT_THAT(connect({}), IsOk()); }),
      UnorderedElementsAre(Pair(Operation::kDiscoverVersions, 1), Pair(Operation::kQuery, 1),
                           Pair(Operation::kEncrypt, 1), Pair(Operation::kDecrypt, 1),
                           Pair(Operation::kGetAttributes, 1)));
  EXPECT_THAT(connect(Aead()), IsOk());
  EXPECT_THAT(connect(Fetching()), IsOk());
  world.server.keys().SetState("kek-1", State::kDeactivated);
  for (const Json& options : {Json::object(), Aead(), Fetching()}) {
    EXPECT_THAT(connect(options), StatusIs(Code::kFailedPrecondition,
                                           AllOf(HasSubstr("\"my-kms\""), HasSubstr("kek-1"),
                                                 HasSubstr("create-key"))));
  }
  world.UseKey("absent");
  for (const Json& options : {Json::object(), Aead(), Fetching()}) {
    EXPECT_THAT(connect(options), StatusIs(Code::kNotFound, HasSubstr("absent")));
  }
  world.server.SetRules({.lacks = {Operation::kGet}});
  world.Restart();
  EXPECT_THAT(connect(Fetching()), StatusIs(Code::kUnimplemented, HasSubstr("USE_CRYPTO_RPC")));
}

}  // namespace
}  // namespace rbdcrypt::kmip
