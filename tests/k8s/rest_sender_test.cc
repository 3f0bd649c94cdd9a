// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/rest_sender.h"

#include <algorithm>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "k8s/rest_request.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::k8s {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Contains;
using testing::FakeClock;
using testing::FakeHttpClient;
using testing::FakeKubeApi;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using testing::StatusIs;
using testing::TempDir;
using Kind = FakeKubeApi::Fault::Kind;

const ApiCall kCall = {
    .verb = "get", .resource = kConfigMaps, .name = {"shop", "config"}, .part = ""};

class RestSenderTest : public ::testing::Test {
 protected:
  RestSenderTest() { api_.Put(kConfigMaps, kCall.name, Json::object()); }

  Result<net::HttpAnswer> Send(bool repeatable, TokenSource* token = nullptr) {
    const RestSender sender(api_, token, {.max_attempts = 4});
    return sender.Send(context_, kCall,
                       NewRequest("GET", "api/v1/namespaces/shop/configmaps/config"), repeatable);
  }

  FakeKubeApi api_;
  FakeClock clock_;
  Context context_{{.clock = &clock_}};
};

TEST_F(RestSenderTest, ATokenIsSentAsBearer) {
  StaticToken token{Secret("t-1")};
  ASSERT_THAT(Send(true, &token), IsOk());
  EXPECT_THAT(api_.seen()[0].headers, Contains("Authorization: Bearer t-1"));
  EXPECT_THAT(api_.seen()[0].headers, Contains("User-Agent: rbdcrypt"));
  EXPECT_THAT(api_.seen()[0].headers, Contains("Accept: application/json"));
}

TEST_F(RestSenderTest, WithoutATokenNothingIsSaidOfOne) {
  ASSERT_THAT(Send(true), IsOk());
  EXPECT_THAT(api_.seen()[0].headers, Not(Contains(HasSubstr("Authorization"))));
}

TEST_F(RestSenderTest, ARefusedTokenIsReadAgainOnce) {
  const TempDir folder;
  FileToken token(folder.Write("token", "old"), clock_);
  ASSERT_THAT(token.Token(), IsOk());
  api_.AcceptTokens({"new"});
  EXPECT_THAT(Send(true, &token), StatusIs(Code::kPermissionDenied, HasSubstr("token")));
  EXPECT_EQ(api_.seen().size(), 1U);
  folder.Write("token", "new");
  api_.ClearSeen();
  EXPECT_THAT(Send(true, &token), IsOk());
  api_.AcceptTokens({"never"});
  api_.ClearSeen();
  folder.Write("token", "newer");
  EXPECT_THAT(Send(true, &token), StatusIs(Code::kPermissionDenied));
  EXPECT_LE(api_.seen().size(), 2U);
}

TEST_F(RestSenderTest, A401BetweenTwoTokensIsAnsweredByTheSecond) {
  // The file changes after the first token was taken: what Renew() is for.
  const TempDir folder;
  FileToken token(folder.Write("token", "old"), clock_);
  FakeHttpClient http([&](const FakeHttpClient::Seen& seen) -> Result<net::HttpAnswer> {
    folder.Write("token", "new");
    const bool is_new = seen.headers.back() == "Authorization: Bearer new";
    return FakeHttpClient::Answer(is_new ? 200 : 401, "{}");
  });
  const RestSender sender(http, &token, {});
  EXPECT_THAT(sender.Send(context_, kCall, NewRequest("POST", "x"), false), IsOk());
  EXPECT_EQ(http.seen().size(), 2U);
}

TEST_F(RestSenderTest, ANoTokenErrorNamesItAndSendsNothing) {
  const TempDir folder;
  FileToken token(folder.File("absent"), clock_);
  EXPECT_THAT(Send(true, &token), StatusIs(Code::kUnavailable, HasSubstr("absent")));
  EXPECT_EQ(api_.seen().size(), 0U);
}

TEST_F(RestSenderTest, TooManyRequestsComeBackAfterTheTimeTheyAreTold) {
  api_.Fail({.status = 429, .reason = "TooManyRequests", .retry_after = "7"}, 2);
  EXPECT_THAT(Send(false), IsOk());
  EXPECT_GE(clock_.slept(), seconds(14));
  EXPECT_LE(clock_.slept(), seconds(14) * 5 / 4);
  EXPECT_EQ(api_.seen().size(), 3U);
}

TEST_F(RestSenderTest, WhoIsToldTheSameComesBackAtAnotherTime) {
  for (const char* told : {"0", "1", "3"}) {
    const auto least = seconds(std::max(std::stoi(told), 1));
    std::set<std::chrono::nanoseconds> waits;
    for (int i = 0; i < 10; ++i) {
      const auto before = clock_.slept();
      api_.Fail({.status = 429, .retry_after = told});
      ASSERT_THAT(Send(false), IsOk());
      waits.insert(clock_.slept() - before);
    }
    EXPECT_GE(*waits.begin(), least);
    EXPECT_LE(*waits.rbegin(), least + std::chrono::milliseconds(750));
    EXPECT_GT(waits.size(), 5U) << told;
  }
}

TEST_F(RestSenderTest, ABusyServerIsAskedAgainAsOftenAsClientGoDoes) {
  api_.Fail({.status = 503, .retry_after = "1"}, 100);
  EXPECT_THAT(Send(true), StatusIs(Code::kUnavailable, HasSubstr("get configmaps")));
  EXPECT_EQ(api_.seen().size(), 11U);
}

TEST_F(RestSenderTest, RetryAfterBeyondTheDeadlineIsNotWaitedFor) {
  context_ = context_.WithTimeout(seconds(5));
  api_.Fail({.status = 429, .message = "slow down", .retry_after = "6"});
  EXPECT_THAT(Send(true),
              StatusIs(Code::kUnavailable, AllOf(HasSubstr("slow down"), HasSubstr("busy"))));
  EXPECT_EQ(clock_.slept(), seconds(0));
}

TEST_F(RestSenderTest, AnAbsurdRetryAfterIsNotWaitedFor) {
  api_.Fail({.status = 429, .retry_after = "99999999999999999999"});
  api_.Fail({.status = 429, .retry_after = "100000"});
  // The first is no number that we read: a second.
  EXPECT_THAT(Send(true), StatusIs(Code::kUnavailable));
  EXPECT_LE(clock_.slept(), seconds(2));
}

TEST_F(RestSenderTest, ACancelledWaitIsTold) {
  api_.Fail({.status = 429, .retry_after = "60"});
  int asked = 0;
  context_ = Context({.clock = &clock_, .is_cancelled = [&] { return ++asked > 5; }});
  EXPECT_THAT(Send(true), StatusIs(Code::kCancelled));
}

TEST_F(RestSenderTest, ServerErrorsAndLostAnswersAreRepeatedWhereThatIsHarmless) {
  api_.Fail({.status = 500});
  api_.Fail({.kind = Kind::kLostAnswer});
  api_.Fail({.status = 408});
  EXPECT_THAT(Send(true), IsOk());
  EXPECT_EQ(api_.seen().size(), 4U);
  api_.Fail({.status = 502, .message = "broken"}, 100);
  EXPECT_THAT(Send(true), StatusIs(Code::kUnavailable, HasSubstr("broken")));
  EXPECT_EQ(api_.seen().size(), 8U);
}

TEST_F(RestSenderTest, WhatMayHaveHappenedIsNotRepeatedOtherwise) {
  api_.Fail({.kind = Kind::kLostAnswer});
  EXPECT_THAT(Send(false), StatusIs(Code::kUnavailable, HasSubstr("get configmaps \"config\"")));
  EXPECT_EQ(api_.seen().size(), 1U);
  api_.Fail({.status = 500});
  EXPECT_THAT(Send(false), StatusIs(Code::kUnavailable));
  EXPECT_EQ(api_.seen().size(), 2U);
}

TEST_F(RestSenderTest, AnErrorAfterALostAnswerSaysSo) {
  const auto missing = [&](const FakeKubeApi::Fault& first) {
    api_.Fail(first);
    api_.Fail({.status = 404});
    const Status status = Send(true).status();
    EXPECT_THAT(status, StatusIs(Code::kNotFound));
    return status;
  };
  EXPECT_TRUE(FollowsUnsureTry(missing({.kind = Kind::kLostAnswer})));
  EXPECT_TRUE(FollowsUnsureTry(missing({.status = 500})));
  EXPECT_TRUE(FollowsUnsureTry(missing({.status = 408})));
  EXPECT_FALSE(FollowsUnsureTry(missing({.kind = Kind::kNeverArrived})));
  EXPECT_FALSE(FollowsUnsureTry(missing({.status = 429})));
  api_.Fail({.status = 404});
  EXPECT_FALSE(FollowsUnsureTry(Send(true).status()));
}

// A stream over which nothing comes, asking its context each second.
class Silent final : public net::HttpClient {
 public:
  Silent(FakeClock& clock, bool begins) : clock_(clock), begins_(begins) {}

  Result<net::HttpAnswer> Send(const Context&, const net::HttpRequest&) override {
    return Internal("only streams");
  }

  Result<net::HttpAnswer> Stream(
      const Context& context,
      const net::HttpRequest&,
      const std::function<Status(std::span<const std::byte>)>& sink) override {
    if (begins_) {
      RETURN_IF_ERROR(sink({}));
    }
    while (true) {
      RETURN_IF_ERROR(context.Check("wait"));
      clock_.Advance(seconds(1));
    }
  }

  const std::string& address() const override { return address_; }

 private:
  FakeClock& clock_;
  const bool begins_;
  const std::string address_ = "https://silent:443";
};

TEST_F(RestSenderTest, AStreamThatIsNotAnsweredEnds) {
  const auto ignore = [](std::span<const std::byte>) { return OkStatus(); };
  const auto start = clock_.Now();
  Silent silent(clock_, false);
  EXPECT_THAT(
      RestSender(silent, nullptr, {}).Stream(context_, kCall, NewRequest("GET", "x"), ignore),
      StatusIs(Code::kUnavailable, HasSubstr("no answer within 1 min")));
  EXPECT_EQ(clock_.Now() - start, std::chrono::minutes(1));
  // Once it has begun, it lasts as long as its context.
  Silent begun(clock_, true);
  EXPECT_THAT(RestSender(begun, nullptr, {})
                  .Stream(context_.WithTimeout(std::chrono::minutes(7)), kCall,
                          NewRequest("GET", "x"), ignore),
              StatusIs(Code::kDeadlineExceeded));
  EXPECT_EQ(clock_.Now() - start, std::chrono::minutes(8));
}

TEST_F(RestSenderTest, WhatNeverArrivedIsRepeatedAlways) {
  api_.Fail({.kind = Kind::kNeverArrived}, 2);
  EXPECT_THAT(Send(false), IsOk());
  EXPECT_EQ(api_.seen().size(), 3U);
}

TEST_F(RestSenderTest, FinalAnswersAreNotRepeated) {
  for (const int status : {400, 403, 404, 409, 410, 422}) {
    api_.ClearSeen();
    api_.Fail({.status = status});
    EXPECT_THAT(Send(true), Not(IsOk())) << status;
    EXPECT_EQ(api_.seen().size(), 1U) << status;
  }
  EXPECT_EQ(clock_.slept(), seconds(0));
}

TEST_F(RestSenderTest, AnAnswerThatIsNoHttpIsNoLossOfData) {
  FakeHttpClient http([](const auto&) { return DataLoss("no HTTP"); });
  const RestSender sender(http, nullptr, {});
  EXPECT_THAT(sender.Send(context_, kCall, NewRequest("GET", "x"), true),
              StatusIs(Code::kInternal, HasSubstr("no HTTP")));
}

TEST(RetryAfterTest, OnlyATurnedAwayRequestHasOne) {
  const auto of = [](int status, std::optional<std::string> value) {
    net::HttpAnswer answer;
    answer.status = status;
    if (value.has_value()) {
      answer.headers.push_back({.name = "retry-AFTER", .value = *value});
    }
    return RetryAfter(answer);
  };
  EXPECT_EQ(of(429, "12"), seconds(12));
  EXPECT_EQ(of(429, " 0 "), seconds(1));
  EXPECT_EQ(of(429, std::nullopt), seconds(1));
  EXPECT_EQ(of(429, "Fri, 31 Dec 1999 23:59:59 GMT"), seconds(1));
  EXPECT_EQ(of(503, "3"), seconds(3));
  EXPECT_EQ(of(503, std::nullopt), std::nullopt);
  EXPECT_EQ(of(500, "3"), std::nullopt);
  EXPECT_EQ(of(200, "3"), std::nullopt);
}

}  // namespace
}  // namespace rbdcrypt::k8s
