// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/caller_secrets.h"

#include <string>

#include <gmock/gmock.h>
#include <google/protobuf/map.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::csi {
namespace {

using rbdcrypt::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using Secrets = ::google::protobuf::Map<std::string, std::string>;

Secrets Of(std::initializer_list<std::pair<std::string, std::string>> entries) {
  Secrets secrets;
  for (const auto& [key, value] : entries) {
    secrets[key] = value;
  }
  return secrets;
}

TEST(CallerSecretsTest, ReadsUserAndKeepsAllForTheKeyManager) {
  ASSERT_OK_AND_ASSIGN(
      const CallerSecrets secrets,
      CallerSecrets::Read(
          Of({{"userID", "csi"}, {"userKey", "a2V5"}, {"encryptionPassphrase", "p\n"}})));
  EXPECT_EQ(secrets.credentials().user, "csi");
  EXPECT_EQ(secrets.credentials().key.RevealText(), "a2V5");
  EXPECT_EQ(secrets.caller().secrets.at("encryptionPassphrase").RevealText(), "p\n");
}

TEST(CallerSecretsTest, MigratedSecretsHaveTheirOwnKeys) {
  ASSERT_OK_AND_ASSIGN(const CallerSecrets named,
                       CallerSecrets::Read(Of({{"adminId", "kube"}, {"key", "a2V5"}})));
  EXPECT_EQ(named.credentials().user, "kube");
  ASSERT_OK_AND_ASSIGN(const CallerSecrets unnamed, CallerSecrets::Read(Of({{"key", "a2V5"}})));
  EXPECT_EQ(unnamed.credentials().user, "admin");
}

TEST(CallerSecretsTest, WhatIsMissingIsNamedAndNothingShown) {
  EXPECT_THAT(CallerSecrets::Read({}), StatusIs(Code::kInvalidArgument, HasSubstr("userID")));
  EXPECT_THAT(
      CallerSecrets::Read(Of({{"userKey", "hunter2"}})),
      StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("userID"), Not(HasSubstr("hunter2")))));
  EXPECT_THAT(CallerSecrets::Read(Of({{"userID", "csi"}, {"userKey", ""}})),
              StatusIs(Code::kInvalidArgument, HasSubstr("userKey")));
  EXPECT_THAT(CallerSecrets::Read(Of({{"key", ""}})),
              StatusIs(Code::kInvalidArgument, HasSubstr("key")));
}

}  // namespace
}  // namespace rbdcrypt::csi
