// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/token_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::k8s {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::StatusIs;

TEST(TokenRequestTest, TheDefaultIsTheEmptySpecOfCephCsi) {
  EXPECT_EQ(Json::parse(FormatTokenRequest({})),
            Json::parse(R"({"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest",
                            "spec":{}})"));
}

TEST(TokenRequestTest, AudiencesAndLifetimeAreSaid) {
  const Json body = Json::parse(
      FormatTokenRequest({.audiences = {"vault", "x"}, .lifetime = std::chrono::minutes(20)}));
  EXPECT_EQ(body["spec"], Json::parse(R"({"audiences":["vault","x"],"expirationSeconds":1200})"));
}

TEST(TokenRequestTest, TokenAndExpiryAreRead) {
  ASSERT_OK_AND_ASSIGN(
      const ServiceAccountToken token,
      ParseTokenAnswer(
          R"({"status":{"token":"a.b.c","expirationTimestamp":"2026-01-01T01:00:00Z"}})"));
  EXPECT_EQ(token.token.RevealText(), "a.b.c");
  EXPECT_EQ(token.expires, ParseTime("2026-01-01T01:00:00Z"));
}

TEST(TokenRequestTest, AnAnswerWithoutThemIsRefusedAndNotRepeated) {
  for (const char* answer : {"s3cr3t", "{}", R"({"status":{"token":""}})",
                             R"({"status":{"token":7}})", R"({"status":{"token":"s3cr3t"}})",
                             R"({"status":{"token":"s3cr3t","expirationTimestamp":"later"}})"}) {
    EXPECT_THAT(
        ParseTokenAnswer(answer),
        StatusIs(Code::kInternal, AllOf(HasSubstr("TokenRequest"), Not(HasSubstr("s3cr3t")))))
        << answer;
  }
}

}  // namespace
}  // namespace rbdcrypt::k8s
