// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/default_secret.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::kms {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;

constexpr std::string_view kPassphrase = "test passphrase\n";

std::shared_ptr<Kms> Build(const RequestSecrets& secrets) {
  const ConfigEntry entry{.id = "default", .provider = "default", .options = Json::object()};
  auto kms = DefaultSecretProvider()(Context::Background(), entry,
                                     {.kms_id = "", .tenant = "", .secrets = secrets});
  EXPECT_THAT(kms, IsOk());
  return kms.value_or(nullptr);
}

std::shared_ptr<Kms> WithPassphrase(std::string_view passphrase = kPassphrase) {
  RequestSecrets secrets;
  secrets.emplace("encryptionPassphrase", Secret(passphrase));
  return Build(secrets);
}

TEST(DefaultSecretTest, SaysWhatItIs) {
  const auto kms = WithPassphrase();
  EXPECT_EQ(kms->id(), "default");
  EXPECT_EQ(kms->provider(), "default");
  EXPECT_TRUE(kms->is_shared_passphrase());
  EXPECT_EQ(kms->dek_kind(), DekKind::kHumanPassphrase);
  EXPECT_EQ(kms->wrapper(), nullptr);
  ASSERT_NE(kms->store(), nullptr);
  EXPECT_FALSE(kms->store()->CanCompareAndSet());
}

TEST(DefaultSecretTest, FetchIsThePassphraseByteForByte) {
  ASSERT_OK_AND_ASSIGN(const StoredDek stored,
                       WithPassphrase()->store()->Fetch(Context::Background(), "v"));
  EXPECT_EQ(stored.dek.RevealText(), kPassphrase);
  EXPECT_EQ(stored.version, "shared");
}

TEST(DefaultSecretTest, CreateTakesOnlyThatPassphrase) {
  const auto kms = WithPassphrase();
  EXPECT_THAT(kms->store()->Create(Context::Background(), "v", Secret(kPassphrase)),
              IsOkAndHolds(std::string("shared")));
  EXPECT_THAT(kms->store()->Create(Context::Background(), "v", Secret("another")),
              StatusIs(Code::kAlreadyExists, HasSubstr("volume v")));
}

TEST(DefaultSecretTest, RotationIsRefusedWithTheWayOut) {
  EXPECT_THAT(
      WithPassphrase()->store()->Replace(Context::Background(), "v", "shared", Secret("another")),
      StatusIs(Code::kFailedPrecondition, AllOf(HasSubstr("volume v"), HasSubstr("StorageClass"))));
}

TEST(DefaultSecretTest, AMissingOrEmptyPassphraseIsAMissingKey) {
  for (const auto& kms : {Build({}), WithPassphrase("")}) {
    const auto missing = StatusIs(
        Code::kNotFound, AllOf(HasSubstr("volume v"), HasSubstr("\"default\""),
                               HasSubstr("encryptionPassphrase"), HasSubstr("node-stage-secret")));
    EXPECT_THAT(kms->store()->Fetch(Context::Background(), "v"), missing);
    // Whoever takes that for "no DEK yet" cannot store one either.
    EXPECT_THAT(kms->store()->Create(Context::Background(), "v", Secret("new")), missing);
  }
}

TEST(DefaultSecretTest, RemovingWorksWithoutTheSecret) {
  const auto kms = Build({});
  EXPECT_THAT(kms->store()->Remove(Context::Background(), "v"), IsOk());
  EXPECT_THAT(kms->store()->RemovePrevious(Context::Background(), "v"), IsOk());
  EXPECT_THAT(kms->store()->FetchPrevious(Context::Background(), "v"), StatusIs(Code::kNotFound));
}

}  // namespace
}  // namespace rbdcrypt::kms
