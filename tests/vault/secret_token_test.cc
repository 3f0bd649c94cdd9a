// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/secret_token.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/vault/fake_kube.h"

namespace rbdcrypt::testing {
namespace {

using ::testing::HasSubstr;
using vault::SecretToken;
using vault::Token;

class SecretTokenTest : public ::testing::Test {
 protected:
  std::string Get() {
    const Result<Token> token = token_.Get(Context::Background());
    return token.ok() ? std::string((*token)->RevealText()) : CodeName(token.status().code());
  }

  FakeKube kube_;
  SecretToken token_{kube_, "a", "kms-token"};
};

TEST_F(SecretTokenTest, ReadsTheSecretOnceUntilVaultRefusesTheToken) {
  kube_.secrets["a/kms-token"]["token"] = "one\n";
  ASSERT_OK_AND_ASSIGN(const Token first, token_.Get(Context::Background()));
  EXPECT_EQ(first->RevealText(), "one");
  kube_.secrets["a/kms-token"]["token"] = "two";
  EXPECT_EQ(Get(), "one");
  token_.Reject(first);
  EXPECT_EQ(Get(), "two");
  // Refused long ago; the current one stays.
  token_.Reject(first);
  kube_.secrets["a/kms-token"]["token"] = "three";
  EXPECT_EQ(Get(), "two");
}

TEST_F(SecretTokenTest, SecretThatIsGoneIsNoIdentity) {
  EXPECT_THAT(token_.Get(Context::Background()),
              StatusIs(Code::kPermissionDenied, HasSubstr("Secret a/kms-token")));
}

TEST_F(SecretTokenTest, SecretWithoutATokenIsAConfigurationError) {
  kube_.secrets["a/kms-token"]["other"] = "x";
  EXPECT_EQ(Get(), "INVALID_ARGUMENT");
  // Would end the header and begin another.
  kube_.secrets["a/kms-token"]["token"] = "x\r\nX-Vault-Namespace: other";
  EXPECT_EQ(Get(), "INVALID_ARGUMENT");
  kube_.secrets["a/kms-token"]["token"] = " ";
  EXPECT_EQ(Get(), "INVALID_ARGUMENT");
}

TEST_F(SecretTokenTest, SaysWhoItIs) {
  EXPECT_THAT(token_.identity(), HasSubstr("a/kms-token"));
  EXPECT_FALSE(token_.logs_in());
}

}  // namespace
}  // namespace rbdcrypt::testing
