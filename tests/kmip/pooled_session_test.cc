// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/pooled_session.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kmip/operations.h"
#include "kmip/reasons.h"
#include "net/arrival.h"
#include "tests/kmip/scripted_kmip.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using kmip::Answer;
using kmip::Pool;
using kmip::PooledSession;
using kmip::Request;
using kmip::TtlvView;
using kmip::Verdict;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr kmip::Version kVersion{.major = 1, .minor = 4};

class PooledSessionTest : public ::testing::Test {
 protected:
  PooledSessionTest()
      : dialer_(server_.Dialer()),
        pool_(*dialer_,
              {.most = 2,
               .idle = seconds(60),
               .timeouts = {.write = seconds(4), .read = seconds(6)}}),
        limit_({.clock = &clock_}) {
    Open();
  }

  void Open() {
    session_ = std::make_unique<PooledSession>(dialer_->address(), pool_, *pool_.Lend(limit_),
                                               limit_, requests_);
    session_->Begin(kVersion);
  }

  Context context() { return Context({.clock = &clock_}); }

  Result<Answer> Read() { return session_->Ask(context(), kmip::QueryRequest()); }

  // What changes something, and so is not repeated blindly.
  Result<Answer> Create() {
    Request request = kmip::QueryRequest();
    request.is_idempotent = false;
    return session_->Ask(context(), request);
  }

  // The next request is answered by these pieces, those behind it by success.
  void ScriptOnce(std::vector<Piece> pieces) {
    server_.reply = [pieces = std::move(pieces), done = false](const TtlvView& request) mutable {
      return std::exchange(done, true) ? std::vector<Piece>{Sends(SuccessTo(request))} : pieces;
    };
  }

  // The next write fails.
  void FailWriteOnce() {
    server_.on_write = [done = false]() mutable {
      return std::exchange(done, true) ? OkStatus() : Unavailable("broken pipe");
    };
  }

  FakeClock clock_;
  ScriptedKmip server_;
  const std::unique_ptr<net::Dialer> dialer_;
  std::atomic<std::size_t> requests_ = 0;
  Pool pool_;
  Context limit_;
  std::unique_ptr<PooledSession> session_;
};

TEST_F(PooledSessionTest, NothingAskedMeansNothingArrived) {
  EXPECT_EQ(session_->verdict(), Verdict::kFine);
  EXPECT_FALSE(session_->may_have_arrived());
  EXPECT_TRUE(session_->is_repeatable());
  EXPECT_EQ(session_->version(), kVersion);
  EXPECT_EQ(session_->server(), "kmip.example:5696");
}

TEST_F(PooledSessionTest, WhatWasAskedIsNoted) {
  ASSERT_THAT(Read(), IsOk());
  EXPECT_TRUE(session_->may_have_arrived());
  EXPECT_TRUE(session_->is_repeatable());
  ASSERT_THAT(Create(), IsOk());
  EXPECT_FALSE(session_->is_repeatable());
  EXPECT_EQ(requests_, 2U);
}

TEST_F(PooledSessionTest, WhatIsAskedForTheAgreementIsNotNoted) {
  ScriptOnce({Sends(Bytes(64))});
  EXPECT_THAT(session_->AskUnder(kVersion, context(), kmip::QueryRequest()),
              StatusIs(Code::kDataLoss));
  EXPECT_EQ(session_->verdict(), Verdict::kFine);
  EXPECT_FALSE(session_->may_have_arrived());
  EXPECT_EQ(requests_, 1U);
}

TEST_F(PooledSessionTest, AKeptConnectionThatIsLostIsReplaced) {
  for (const bool is_end : {true, false}) {
    ASSERT_THAT(Read(), IsOk());
    ScriptOnce({is_end ? Ends() : Fails(Unavailable("reset"))});
    EXPECT_THAT(Read(), IsOk());
    EXPECT_EQ(session_->verdict(), Verdict::kFine);
  }
  EXPECT_EQ(server_.dials(), 3);
  EXPECT_EQ(server_.most_open(), 1);
  EXPECT_EQ(clock_.slept(), seconds(0));
}

TEST_F(PooledSessionTest, ItIsReplacedOnce) {
  ASSERT_THAT(Read(), IsOk());
  server_.reply = [](const TtlvView&) { return std::vector<Piece>{Ends()}; };
  EXPECT_THAT(Read(), StatusIs(Code::kUnavailable));
  EXPECT_EQ(session_->verdict(), Verdict::kUnreachable);
  EXPECT_EQ(server_.dials(), 2);
  EXPECT_EQ(server_.open(), 0);
}

TEST_F(PooledSessionTest, ANewConnectionThatIsLostIsNotReplaced) {
  ScriptOnce({Ends()});
  EXPECT_THAT(Read(), StatusIs(Code::kUnavailable));
  EXPECT_EQ(server_.dials(), 1);
}

TEST_F(PooledSessionTest, SilenceIsAFailureOnAKeptConnection) {
  ASSERT_THAT(Read(), IsOk());
  ScriptOnce({IsSilent()});
  EXPECT_THAT(Read(), StatusIs(Code::kUnavailable, HasSubstr("within 6000 ms")));
  EXPECT_EQ(server_.dials(), 1);
}

TEST_F(PooledSessionTest, HalfAnAnswerIsAFailureOnAKeptConnection) {
  ASSERT_THAT(Read(), IsOk());
  ScriptOnce({Sends(Bytes(4)), Ends()});
  EXPECT_THAT(Read(), StatusIs(Code::kUnavailable, HasSubstr("within an answer")));
  EXPECT_EQ(server_.dials(), 1);
}

TEST_F(PooledSessionTest, WhatMayHaveHappenedIsNotSentAgain) {
  ASSERT_THAT(Read(), IsOk());
  ScriptOnce({Ends()});
  const Result<Answer> answer = Create();
  EXPECT_THAT(answer, StatusIs(Code::kUnavailable));
  EXPECT_TRUE(net::MayHaveArrived(answer.status()));
  EXPECT_FALSE(session_->is_repeatable());
  EXPECT_EQ(server_.dials(), 1);
}

TEST_F(PooledSessionTest, WhatDidNotGoOutIsSentAgain) {
  ASSERT_THAT(Read(), IsOk());
  FailWriteOnce();
  EXPECT_THAT(Create(), IsOk());
  EXPECT_EQ(server_.dials(), 2);
  EXPECT_EQ(server_.requests(), 2);
}

TEST_F(PooledSessionTest, WhatDidNotGoOutOnANewConnectionMayBeAskedElsewhere) {
  FailWriteOnce();
  const Result<Answer> answer = Create();
  EXPECT_THAT(answer, StatusIs(Code::kUnavailable));
  EXPECT_FALSE(net::MayHaveArrived(answer.status()));
  EXPECT_FALSE(session_->may_have_arrived());
  EXPECT_TRUE(session_->is_repeatable());
}

TEST_F(PooledSessionTest, AnErrorBehindWhatArrivedIsNotMarkedAsOneThatNeverDid) {
  ASSERT_THAT(Create(), IsOk());
  server_.on_dial = [] { return Unavailable("nobody listens"); };
  FailWriteOnce();
  const Result<Answer> answer = Read();
  EXPECT_THAT(answer, StatusIs(Code::kUnavailable, "nobody listens"));
  EXPECT_TRUE(net::MayHaveArrived(answer.status()));
}

TEST_F(PooledSessionTest, AfterAnErrorOfTheConnectionItIsSaidAgain) {
  ScriptOnce({Sends(Bytes(64))});
  EXPECT_THAT(Read(), StatusIs(Code::kUnavailable));
  EXPECT_EQ(session_->verdict(), Verdict::kMalformed);
  EXPECT_THAT(Create(), StatusIs(Code::kUnavailable));
  EXPECT_EQ(session_->verdict(), Verdict::kMalformed);
  EXPECT_TRUE(session_->is_repeatable());
  EXPECT_EQ(server_.requests(), 1);
  EXPECT_EQ(server_.open(), 0);
}

TEST_F(PooledSessionTest, WhatTheServerSaysDoesNotEndIt) {
  ScriptOnce({});
  server_.reply = [done = false](const TtlvView& request) mutable {
    return std::vector<Piece>{Sends(
        std::exchange(done, true) ? SuccessTo(request)
                                  : FailureTo(request, kmip::ResultReason::kServerLimitExceeded))};
  };
  EXPECT_THAT(Read(), StatusIs(Code::kUnavailable, HasSubstr("told to fail")));
  EXPECT_EQ(session_->verdict(), Verdict::kTransient);
  EXPECT_THAT(Read(), IsOk());
  EXPECT_EQ(session_->verdict(), Verdict::kFine);
  session_.reset();
  EXPECT_EQ(server_.open(), 1);
}

TEST_F(PooledSessionTest, TheLimitHoldsForAllThatIsAsked) {
  limit_ = context().WithTimeout(seconds(3));
  Open();
  ASSERT_THAT(Read(), IsOk());
  clock_.Advance(seconds(1));
  ScriptOnce({IsSilent()});
  EXPECT_THAT(Read(), StatusIs(Code::kUnavailable, HasSubstr("too much of the call's time")));
  EXPECT_EQ(session_->verdict(), Verdict::kUnreachable);
  EXPECT_EQ(clock_.slept(), seconds(2));
}

TEST_F(PooledSessionTest, TheCallersDeadlineIsTheCallers) {
  ScriptOnce({IsSilent()});
  EXPECT_THAT(session_->Ask(context().WithTimeout(seconds(2)), kmip::QueryRequest()),
              StatusIs(Code::kDeadlineExceeded));
  EXPECT_EQ(session_->verdict(), Verdict::kGivenUp);
}

}  // namespace
}  // namespace rbdcrypt::testing
