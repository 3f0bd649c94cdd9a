// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/tries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kmip/reasons.h"
#include "net/arrival.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using kmip::Tried;
using kmip::Tries;
using kmip::Verdict;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Tried Failure(Verdict verdict, Status status = Unavailable("why")) {
  return {.status = std::move(status), .verdict = verdict};
}

TEST(TriesTest, SuccessEndsTheCall) {
  Tries tries({"a:1", "b:1"});
  EXPECT_TRUE(tries.IsLast(0, {.status = OkStatus(), .verdict = Verdict::kFine}));
  EXPECT_THAT(tries.Outcome(), IsOk());
}

TEST(TriesTest, SuccessEndsTheCallThoughTheLastQuestionFailed) {
  Tries tries({"a:1"});
  EXPECT_TRUE(tries.IsLast(0, {.status = OkStatus(), .verdict = Verdict::kTransient}));
  EXPECT_THAT(tries.Outcome(), IsOk());
}

TEST(TriesTest, WhatNoOtherTryChangesEndsTheCall) {
  for (const Verdict verdict : {Verdict::kFine, Verdict::kFinal, Verdict::kGivenUp}) {
    Tries tries({"a:1", "b:1"});
    EXPECT_TRUE(tries.IsLast(0, Failure(verdict, NotFound("why"))));
    EXPECT_THAT(tries.Outcome(), StatusIs(Code::kNotFound, "why"));
  }
}

TEST(TriesTest, WhatAnotherServerNeedNotHaveGoesOn) {
  for (const Verdict verdict :
       {Verdict::kTransient, Verdict::kUnreachable, Verdict::kMalformed, Verdict::kAmbiguous}) {
    Tries tries({"a:1", "b:1"});
    EXPECT_FALSE(tries.IsLast(0, Failure(verdict)));
    EXPECT_TRUE(tries.MayTry(0));
    EXPECT_TRUE(tries.MayTry(1));
  }
}

TEST(TriesTest, AServerThatRefusesIsNotTriedAgain) {
  Tries tries({"a:1", "b:1"});
  EXPECT_FALSE(tries.IsLast(0, Failure(Verdict::kRefused)));
  EXPECT_FALSE(tries.MayTry(0));
  EXPECT_FALSE(tries.IsLast(1, Failure(Verdict::kUnreachable)));
  EXPECT_TRUE(tries.IsWorthARound());
  EXPECT_FALSE(tries.IsLast(1, Failure(Verdict::kRefused)));
  EXPECT_FALSE(tries.IsWorthARound());
}

TEST(TriesTest, ServersThatAreAllNotAskedAreNotWaitedFor) {
  Tries tries({"a:1", "b:1"});
  EXPECT_FALSE(tries.IsLast(0, Failure(Verdict::kNotNow)));
  EXPECT_FALSE(tries.IsLast(1, Failure(Verdict::kNotNow)));
  EXPECT_FALSE(tries.IsWorthARound());
}

TEST(TriesTest, OneThatWasNotAskedMayBeAskedInTheNextRound) {
  Tries tries({"a:1", "b:1"});
  EXPECT_FALSE(tries.IsLast(0, Failure(Verdict::kNotNow)));
  EXPECT_FALSE(tries.IsLast(1, Failure(Verdict::kUnreachable)));
  EXPECT_TRUE(tries.IsWorthARound());
  EXPECT_TRUE(tries.MayTry(0));
}

TEST(TriesTest, MalformedAnswersOfOneServerAreAskedForTwice) {
  Tries tries({"a:1", "b:1"});
  EXPECT_FALSE(tries.IsLast(0, Failure(Verdict::kMalformed)));
  EXPECT_FALSE(tries.IsLast(1, Failure(Verdict::kMalformed)));
  EXPECT_TRUE(tries.MayTry(0));
  EXPECT_FALSE(tries.IsLast(0, Failure(Verdict::kMalformed)));
  EXPECT_FALSE(tries.MayTry(0));
  EXPECT_TRUE(tries.MayTry(1));
}

TEST(TriesTest, AnAmbiguousFailureIsRepeatedOnceInAll) {
  Tries tries({"a:1", "b:1"});
  EXPECT_FALSE(tries.IsLast(0, Failure(Verdict::kAmbiguous, Internal("General Failure"))));
  EXPECT_TRUE(tries.IsLast(1, Failure(Verdict::kAmbiguous, Internal("General Failure"))));
  EXPECT_THAT(tries.Outcome(), StatusIs(Code::kInternal, "General Failure"));
}

TEST(TriesTest, NothingThatMayHaveHappenedIsRepeated) {
  for (const Verdict verdict : {Verdict::kTransient, Verdict::kUnreachable, Verdict::kMalformed,
                                Verdict::kAmbiguous, Verdict::kRefused}) {
    Tries tries({"a:1", "b:1"});
    Tried tried = Failure(verdict);
    tried.may_have_arrived = true;
    tried.is_repeatable = false;
    EXPECT_TRUE(tries.IsLast(0, tried));
    EXPECT_THAT(tries.Outcome(), StatusIs(Code::kUnavailable, "why"));
    EXPECT_TRUE(net::MayHaveArrived(tries.Outcome()));
  }
}

TEST(TriesTest, TheOutcomeNamesEachServerWithItsError) {
  Tries tries({"a:1", "b:1"});
  EXPECT_FALSE(tries.IsLast(0, Failure(Verdict::kUnreachable, Unavailable("a:1: nobody listens"))));
  EXPECT_FALSE(tries.IsLast(1, Failure(Verdict::kTransient, Unavailable("no room"))));
  EXPECT_THAT(tries.Outcome(),
              StatusIs(Code::kUnavailable, AllOf(HasSubstr(": a:1: nobody listens; b:1: no room"),
                                                 Not(HasSubstr("a:1: a:1")))));
}

TEST(TriesTest, TheOnlyServersErrorIsTheOutcome) {
  Tries tries({"a:1"});
  EXPECT_FALSE(tries.IsLast(0, Failure(Verdict::kTransient, Unavailable("no room"))));
  EXPECT_THAT(tries.Outcome(), StatusIs(Code::kUnavailable, "no room"));
}

TEST(TriesTest, ARefusalIsTheOutcomeOnlyIfAllRefuse) {
  const Tried refusal = Failure(Verdict::kRefused, InvalidArgument("the certificate has expired"));
  Tries all({"a:1", "b:1"});
  all.IsLast(0, refusal);
  all.IsLast(1, Failure(Verdict::kRefused, FailedPrecondition("no version in common")));
  EXPECT_THAT(all.Outcome(),
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr("a:1: the certificate"), HasSubstr("b:1: no version"))));
  Tries one({"a:1", "b:1"});
  one.IsLast(0, refusal);
  one.IsLast(1, Failure(Verdict::kUnreachable, Unavailable("nobody listens")));
  EXPECT_THAT(one.Outcome(),
              StatusIs(Code::kUnavailable,
                       AllOf(HasSubstr("certificate has expired"), HasSubstr("nobody listens"))));
}

TEST(TriesTest, NeverArrivedIsSaidOnlyIfNoTryMayHave) {
  Tries never({"a:1", "b:1"});
  never.IsLast(0, Failure(Verdict::kUnreachable));
  never.IsLast(1, Failure(Verdict::kUnreachable));
  EXPECT_FALSE(net::MayHaveArrived(never.Outcome()));
  Tries once({"a:1"});
  Tried lost = Failure(Verdict::kUnreachable);
  lost.may_have_arrived = true;
  once.IsLast(0, lost);
  once.IsLast(0, Failure(Verdict::kUnreachable, net::NeverArrived(Unavailable("nobody listens"))));
  EXPECT_TRUE(net::MayHaveArrived(once.Outcome()));
  EXPECT_THAT(once.Outcome(), StatusIs(Code::kUnavailable, "nobody listens"));
}

TEST(TriesTest, WhoGaveUpIsToldWhatFailedBefore) {
  Tries tries({"a:1", "b:1"});
  tries.IsLast(0, Failure(Verdict::kUnreachable, Unavailable("nobody listens")));
  tries.GiveUp(Cancelled("the caller gave up"));
  EXPECT_THAT(tries.Outcome(),
              StatusIs(Code::kCancelled, "the caller gave up; before that: a:1: nobody listens"));
  EXPECT_TRUE(tries.IsLast(1, Failure(Verdict::kGivenUp, DeadlineExceeded("the time ran out"))));
  EXPECT_THAT(tries.Outcome(), StatusIs(Code::kDeadlineExceeded, HasSubstr("nobody listens")));
}

}  // namespace
}  // namespace rbdcrypt::testing
