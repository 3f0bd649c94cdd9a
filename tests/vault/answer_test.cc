// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/answer.h"

#include <string>
#include <string_view>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_http_client.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using ::testing::HasSubstr;
using vault::Answer;
using vault::Verdict;

Answer Of(int status, std::string_view body) {
  return Answer::From(FakeHttpClient::Answer(status, body));
}

TEST(AnswerTest, VerdictFollowsTheStatus) {
  const std::string_view none = R"({"errors":[]})";
  for (const auto& [status, verdict] :
       {std::pair(200, Verdict::kSuccess), std::pair(400, Verdict::kRefused),
        std::pair(403, Verdict::kDenied), std::pair(404, Verdict::kAbsent),
        std::pair(405, Verdict::kRefused), std::pair(412, Verdict::kRetrySoon),
        std::pair(413, Verdict::kRefused), std::pair(429, Verdict::kThrottled),
        std::pair(472, Verdict::kRetryLater), std::pair(473, Verdict::kRetryLater),
        std::pair(474, Verdict::kRetryLater), std::pair(500, Verdict::kRetrySoon),
        std::pair(501, Verdict::kRefused), std::pair(502, Verdict::kRetrySoon),
        std::pair(503, Verdict::kRetryLater), std::pair(504, Verdict::kRetrySoon),
        std::pair(530, Verdict::kRetryLater)}) {
    EXPECT_EQ(Of(status, none).verdict(), verdict) << status;
  }
}

// Of a proxy, whose "no such page" must not let a DEK be made anew.
TEST(AnswerTest, OnlyAVaultSaysThatSomethingIsAbsent) {
  EXPECT_EQ(Of(404, R"({"data":null,"warnings":["Invalid path"]})").verdict(), Verdict::kAbsent);
  EXPECT_EQ(Of(404, R"({"data":{"metadata":{"version":2}}})").verdict(), Verdict::kAbsent);
  for (const char* body : {"", "404 page not found", "<html></html>", "{}", "[]", "null",
                           R"({"message":"no such page"})", R"({"errors":)"}) {
    EXPECT_EQ(Of(404, body).verdict(), Verdict::kRetryLater) << body;
    EXPECT_TRUE(Of(404, body).MayHaveActed()) << body;
  }
  net::HttpAnswer page = FakeHttpClient::Answer(404, R"({"errors":[]})");
  page.headers[0].value = "text/html";
  const Answer answer = Answer::From(std::move(page));
  EXPECT_EQ(answer.verdict(), Verdict::kRetryLater);
  EXPECT_THAT(answer.Describe(), HasSubstr("a proxy before it"));
}

TEST(AnswerTest, TextsTellWhatSharesAStatus) {
  EXPECT_EQ(Of(400, R"({"errors":["check-and-set parameter did not match the current version"]})")
                .verdict(),
            Verdict::kConflict);
  EXPECT_EQ(Of(400, R"({"errors":["Upgrading from non-versioned to versioned data."]})").verdict(),
            Verdict::kRetryLater);
  EXPECT_EQ(Of(500, R"({"errors":["local node not active but active cluster node not found"]})")
                .verdict(),
            Verdict::kRetryLater);
}

TEST(AnswerTest, SuccessMustBeJsonOrEmpty) {
  EXPECT_EQ(Of(204, "").verdict(), Verdict::kSuccess);
  EXPECT_EQ(Of(200, "{\"data\":").verdict(), Verdict::kRetrySoon);
  net::HttpAnswer page = FakeHttpClient::Answer(200, "{}");
  page.headers[0].value = "text/html";
  const Answer answer = Answer::From(std::move(page));
  EXPECT_EQ(answer.verdict(), Verdict::kRetrySoon);
  EXPECT_THAT(answer.Json(), StatusIs(Code::kUnavailable, HasSubstr("application/json")));
}

TEST(AnswerTest, TextIsOneShortCleanLineOfErrorsOrWarnings) {
  EXPECT_EQ(Of(400, R"({"errors":["a\nb","c"],"data":{"passphrase":"secret"}})").text(), "a b; c");
  EXPECT_EQ(Of(404, R"({"data":null,"warnings":["Invalid path"]})").text(), "Invalid path");
  const std::string text = Of(400, "{\"errors\":[\"" + std::string(2000, 'x') + "\"]}").text();
  EXPECT_EQ(text, std::string(512, 'x'));
}

TEST(AnswerTest, TextIsNeverCutInsideACharacter) {
  const std::string text =
      Of(400, "{\"errors\":[\"" + std::string(511, 'x') + "\xC3\xA4\"]}").text();
  EXPECT_EQ(text, std::string(511, 'x'));
}

TEST(AnswerTest, ReadsRetryAfterIndexAndLocation) {
  net::HttpAnswer http = FakeHttpClient::Answer(429, "{}");
  http.headers.push_back({.name = "retry-after", .value = "7"});
  http.headers.push_back({.name = "X-Vault-Index", .value = "abc"});
  const Answer answer = Answer::From(std::move(http));
  EXPECT_EQ(answer.retry_after(), std::chrono::seconds(7));
  EXPECT_EQ(answer.index(), "abc");
  EXPECT_EQ(answer.location(), "");
}

TEST(AnswerTest, OnlySomeAnswersLeaveOpenWhetherTheServerActed) {
  EXPECT_TRUE(Of(500, "{}").MayHaveActed());
  EXPECT_TRUE(Of(504, "{}").MayHaveActed());
  EXPECT_FALSE(Of(412, "{}").MayHaveActed());
  EXPECT_FALSE(Of(503, R"({"errors":["Vault is sealed"]})").MayHaveActed());
  EXPECT_FALSE(Of(429, "{}").MayHaveActed());
  EXPECT_FALSE(Of(307, "").MayHaveActed());
  // Of a proxy, which may have given up on a Vault that did.
  EXPECT_TRUE(Of(503, "no healthy upstream").MayHaveActed());
}

TEST(AnswerTest, ProxysAnswerIsCalledThat) {
  EXPECT_EQ(Of(503, R"({"errors":["Vault is sealed"]})").Describe(), "HTTP 503: Vault is sealed");
  EXPECT_THAT(Of(503, "no healthy upstream").Describe(), HasSubstr("no answer of a Vault"));
  EXPECT_EQ(Of(503, "").Describe(), "HTTP 503");
}

}  // namespace
}  // namespace rbdcrypt::testing
