// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/request_passphrase.h"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::kms {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

TEST(RequestPassphraseTest, OutlivesTheRequest) {
  std::optional<RequestSecrets> secrets(std::in_place);
  secrets->emplace("encryptionPassphrase", Secret("passphrase\n"));
  const RequestPassphrase passphrase(*secrets, "my-kms");
  secrets.reset();
  ASSERT_OK_AND_ASSIGN(const Secret* found, passphrase.Get("v"));
  EXPECT_EQ(found->RevealText(), "passphrase\n");
}

TEST(RequestPassphraseTest, AbsenceIsToldWhenAskedFor) {
  RequestSecrets secrets;
  secrets.emplace("userKey", Secret("key"));
  const RequestPassphrase passphrase(secrets, "my-kms");
  EXPECT_THAT(passphrase.Get("v"),
              StatusIs(Code::kNotFound, AllOf(HasSubstr("volume v"), HasSubstr("\"my-kms\""),
                                              HasSubstr("encryptionPassphrase"))));
}

}  // namespace
}  // namespace rbdcrypt::kms
