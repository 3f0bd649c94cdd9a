// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/jwt.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/vault/fake_kube.h"

namespace rbdcrypt::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string TextOf(const Result<Secret>& token) {
  return token.ok() ? std::string(token->RevealText()) : CodeName(token.status().code());
}

TEST(FileJwtTest, ReadsTheFileAnewEachTimeWithoutItsLineEnd) {
  const TempDir dir;
  const vault::JwtSource jwt = vault::FileJwt(dir.Write("token", "one\n"));
  EXPECT_EQ(TextOf(jwt(Context::Background())), "one");
  dir.Write("token", "two");
  EXPECT_EQ(TextOf(jwt(Context::Background())), "two");
}

TEST(FileJwtTest, AbsentOrEmptyFileIsTransientAndNamed) {
  const TempDir dir;
  EXPECT_THAT(vault::FileJwt(dir.File("none"))(Context::Background()).status(),
              StatusIs(Code::kUnavailable, HasSubstr(dir.File("none"))));
  EXPECT_THAT(vault::FileJwt(dir.Write("empty", "\n"))(Context::Background()).status(),
              StatusIs(Code::kUnavailable, HasSubstr("empty")));
}

class ServiceAccountJwtTest : public ::testing::Test {
 protected:
  Result<Secret> Get() {
    return vault::ServiceAccountJwt(
        kube_, {.ns = "a", .service_account = "sa", .audience = ""})(Context::Background());
  }

  FakeKube kube_;
};

TEST_F(ServiceAccountJwtTest, TokenRequestComesFirst) {
  kube_.service_accounts["a/sa"] = {"old"};
  kube_.secrets["a/old"]["token"] = "old-token";
  EXPECT_EQ(TextOf(Get()), "jwt-of-a-sa");
}

TEST_F(ServiceAccountJwtTest, FirstListedSecretWithATokenServesWhereThatIsRefused) {
  kube_.token_failure = PermissionDenied("no");
  kube_.service_accounts["a/sa"] = {"gone", "pull", "old", "older"};
  kube_.secrets["a/pull"][".dockercfg"] = "x";
  kube_.secrets["a/old"]["token"] = "old-token";
  kube_.secrets["a/older"]["token"] = "older-token";
  EXPECT_EQ(TextOf(Get()), "old-token");
}

TEST_F(ServiceAccountJwtTest, RightThatLacksIsThatOfTheFirstWay) {
  kube_.token_failure = PermissionDenied("serviceaccounts/token lacks");
  kube_.account_failure = PermissionDenied("serviceaccounts lacks");
  kube_.service_accounts["a/sa"] = {};
  EXPECT_THAT(Get().status(),
              StatusIs(Code::kPermissionDenied,
                       AllOf(HasSubstr("a/sa"), HasSubstr("serviceaccounts/token lacks"))));
}

TEST_F(ServiceAccountJwtTest, ApiThatIsDownIsNotAReasonToTakeTheOldWay) {
  kube_.token_failure = Unavailable("down");
  kube_.service_accounts["a/sa"] = {"old"};
  kube_.secrets["a/old"]["token"] = "old-token";
  EXPECT_EQ(TextOf(Get()), "UNAVAILABLE");
}

TEST_F(ServiceAccountJwtTest, AccountThatIsGoneIsNoIdentityAndNotAMissingKey) {
  EXPECT_THAT(Get().status(),
              StatusIs(Code::kPermissionDenied, AllOf(HasSubstr("tenant a"), HasSubstr("a/sa"))));
}

}  // namespace
}  // namespace rbdcrypt::testing
