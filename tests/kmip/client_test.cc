// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/client.h"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kmip/reasons.h"
#include "net/arrival.h"
#include "tests/kmip/client_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using kmip::Operation;
using kmip::ResultReason;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using DialFault = FakeKmipDialer::DialFault;
using Fault = FakeKmipDialer::Fault;

// One server.
class KmipClientTest : public ::testing::Test, protected ClientWorld {
 protected:
  // The next call is served well, over one connection.
  void ExpectHealthy() {
    EXPECT_THAT(Read(), IsOk());
    EXPECT_EQ(client().OpenConnectionsForTest(), 1U);
    EXPECT_EQ(dialer().open_streams(), 1);
  }
};

TEST_F(KmipClientTest, ACallIsOneRequestOverAKeptConnection) {
  EXPECT_EQ(client().name(), "KMIP at a:5696");
  ASSERT_THAT(Read(), IsOk());
  // Before the first one, the version is agreed upon.
  EXPECT_EQ(client().counts().requests, 2U);
  for (std::size_t i = 1; i <= 5; ++i) {
    ASSERT_THAT(Read(), IsOk());
    EXPECT_EQ(client().counts().requests, 2U + i);
  }
  EXPECT_EQ(client().counts().dials, 1U);
  EXPECT_EQ(dialer().split_messages(), 0);
  ExpectHealthy();
}

TEST_F(KmipClientTest, AnIdleConnectionIsClosedRatherThanUsed) {
  ASSERT_THAT(Read(), IsOk());
  clock().Advance(seconds(59));
  ASSERT_THAT(Read(), IsOk());
  EXPECT_EQ(dialer().dials(), 1);
  clock().Advance(seconds(60));
  ASSERT_THAT(Read(), IsOk());
  EXPECT_EQ(dialer().dials(), 2);
  EXPECT_EQ(dialer().open_streams(), 1);
}

TEST_F(KmipClientTest, AConnectionThatTheServerClosedIsNoFailure) {
  ASSERT_THAT(Read(), IsOk());
  dialer().CloseStreams();
  ASSERT_THAT(Read(), IsOk());
  dialer().FailRequest(1, Fault::kClosedBefore);
  ASSERT_THAT(Read(), IsOk());
  dialer().FailRequest(1, Fault::kWriteFails);
  ASSERT_THAT(Read(), IsOk());
  EXPECT_EQ(dialer().dials(), 4);
  EXPECT_EQ(clock().slept(), seconds(0));
  // The version is still known.
  EXPECT_EQ(server().Count(Operation::kDiscoverVersions), 1);
  ExpectHealthy();
}

TEST_F(KmipClientTest, WhatTheServerSaysIsReturnedAtOnceAndTheConnectionKept) {
  ASSERT_THAT(Read(), IsOk());
  for (const ResultReason reason :
       {ResultReason::kItemNotFound, ResultReason::kPermissionDenied, ResultReason::kInvalidField,
        ResultReason::kCryptographicFailure}) {
    const int before = server().Count();
    server().Fail(Operation::kGetAttributes, 1, {.reason = reason});
    const Status status = Read();
    EXPECT_EQ(kmip::ReasonOf(status), reason);
    EXPECT_THAT(Message(status), HasSubstr("a:5696"));
    EXPECT_EQ(server().Count(), before + 1);
  }
  EXPECT_EQ(dialer().dials(), 1);
  ExpectHealthy();
}

TEST_F(KmipClientTest, TransientReasonsAreTriedAgainAfterAWait) {
  for (const ResultReason reason :
       {ResultReason::kInternalServerError, ResultReason::kServerLimitExceeded,
        ResultReason::kProtectionStorageUnavailable}) {
    server().Fail(Operation::kGetAttributes, 1, {.reason = reason});
    server().Fail(Operation::kGetAttributes, 2, {.reason = reason});
    EXPECT_THAT(Read(), IsOk());
    server().Heal();
  }
  // Two waits each, of up to 100 and 200 ms.
  EXPECT_LE(clock().slept(), milliseconds(900));
  EXPECT_EQ(dialer().dials(), 1);
}

TEST_F(KmipClientTest, TheRoundsEndAndTheErrorSaysWhy) {
  server().FailAlways(Operation::kGetAttributes,
                      {.reason = ResultReason::kServerLimitExceeded, .text = "too busy"});
  EXPECT_THAT(Read(), StatusIs(Code::kUnavailable,
                               AllOf(HasSubstr("a:5696"), HasSubstr("Server Limit Exceeded"),
                                     HasSubstr("too busy"))));
  EXPECT_EQ(server().Count(Operation::kGetAttributes), 3);
  server().Heal();
  ExpectHealthy();
}

TEST_F(KmipClientTest, AGeneralFailureIsRepeatedOnce) {
  server().Fail(Operation::kGetAttributes, 1, {.reason = ResultReason::kGeneralFailure});
  EXPECT_THAT(Read(), IsOk());
  EXPECT_EQ(server().Count(Operation::kGetAttributes), 2);
  server().FailAlways(Operation::kGetAttributes, {.reason = ResultReason::kGeneralFailure});
  EXPECT_THAT(Read(), StatusIs(Code::kInternal, HasSubstr("General Failure")));
  EXPECT_EQ(server().Count(Operation::kGetAttributes), 4);
  server().Heal();
  ExpectHealthy();
}

TEST_F(KmipClientTest, AServerThatDoesNotKnowUsIsAskedOnce) {
  server().FailAlways({}, {.reason = ResultReason::kAuthenticationNotSuccessful});
  EXPECT_THAT(Read(), StatusIs(Code::kPermissionDenied, HasSubstr("Authentication")));
  EXPECT_EQ(server().Count(), 1);
  server().Heal();
  ExpectHealthy();
}

TEST_F(KmipClientTest, AMalformedAnswerIsAskedForTwiceAndIsNoDataLoss) {
  ASSERT_THAT(Read(), IsOk());
  server().OnAnswer(
      [](const FakeKmip::Seen&, std::vector<std::byte>& answer) { answer[2] = std::byte{0x78}; });
  EXPECT_THAT(Read(), StatusIs(Code::kUnavailable, HasSubstr("a:5696")));
  EXPECT_EQ(server().Count(Operation::kGetAttributes), 3);
  EXPECT_EQ(client().OpenConnectionsForTest(), 0U);
  server().OnAnswer({});
  ExpectHealthy();
}

TEST_F(KmipClientTest, ConnectionsAreLostInManyWaysAndTheCallSucceeds) {
  for (const Fault fault :
       {Fault::kWriteFails, Fault::kClosedBefore, Fault::kLostAfter, Fault::kClosedAfter,
        Fault::kHalfAnswer, Fault::kDrips, Fault::kSilent}) {
    ASSERT_THAT(Read(), IsOk());
    dialer().FailRequest(1, fault);
    EXPECT_THAT(Read(context().WithTimeout(seconds(30))), IsOk()) << static_cast<int>(fault);
    ExpectHealthy();
  }
}

TEST_F(KmipClientTest, DialsFailInManyWaysAndTheCallSucceeds) {
  for (const DialFault fault : {DialFault::kRefused, DialFault::kNoTls}) {
    dialer().CloseStreams();
    dialer().FailDial(1, fault);
    EXPECT_THAT(Read(), IsOk()) << static_cast<int>(fault);
    ExpectHealthy();
  }
}

TEST_F(KmipClientTest, ASilentServerEndsByTheCallsDeadline) {
  ASSERT_THAT(Read(), IsOk());
  dialer().FailRequests(Fault::kSilent);
  const auto begin = clock().Now();
  EXPECT_THAT(Read(context().WithTimeout(seconds(5))), StatusIs(Code::kDeadlineExceeded));
  EXPECT_EQ(clock().Now() - begin, seconds(5));
  EXPECT_EQ(client().OpenConnectionsForTest(), 0U);
  dialer().FailRequests({});
  ExpectHealthy();
}

TEST_F(KmipClientTest, NothingIsBegunAfterTheDeadline) {
  const Context late = context().WithTimeout(seconds(0));
  const Status status = Read(late);
  EXPECT_THAT(status, StatusIs(Code::kDeadlineExceeded));
  EXPECT_FALSE(net::MayHaveArrived(status));
  EXPECT_EQ(dialer().dials(), 0);
}

TEST_F(KmipClientTest, ACancellationEndsTheWaitBetweenRounds) {
  const Context cancellable(
      {.clock = &clock(), .is_cancelled = [&] { return clock().slept() > seconds(0); }});
  server().FailAlways(Operation::kGetAttributes, {.reason = ResultReason::kServerLimitExceeded});
  EXPECT_THAT(Read(cancellable), StatusIs(Code::kCancelled, HasSubstr("Server Limit Exceeded")));
  EXPECT_EQ(server().Count(Operation::kGetAttributes), 1);
}

TEST_F(KmipClientTest, WhatMayHaveHappenedIsNotRepeated) {
  for (const Fault fault :
       {Fault::kClosedBefore, Fault::kLostAfter, Fault::kClosedAfter, Fault::kHalfAnswer}) {
    ASSERT_THAT(Read(), IsOk());
    const int before = server().Count(Operation::kCreate);
    const int dials = dialer().dials();
    dialer().FailRequest(1, fault);
    const Status status = Create();
    EXPECT_THAT(status, StatusIs(Code::kUnavailable));
    EXPECT_TRUE(net::MayHaveArrived(status));
    EXPECT_LE(server().Count(Operation::kCreate), before + 1);
    EXPECT_EQ(dialer().dials(), dials);
    ExpectHealthy();
  }
  server().Fail(Operation::kCreate, 1, {.reason = ResultReason::kInternalServerError});
  EXPECT_THAT(Create(), StatusIs(Code::kUnavailable, HasSubstr("Internal Server Error")));
}

TEST_F(KmipClientTest, WhatNeverArrivedIsRepeated) {
  dialer().FailDial(1, DialFault::kRefused);
  EXPECT_THAT(Create(), IsOk());
  EXPECT_EQ(created(), 1U);
  dialer().CloseStreams();
  dialer().FailDial(1, DialFault::kRefused);
  EXPECT_THAT(Create(), IsOk());
  EXPECT_EQ(created(), 2U);
  dialer().FailRequest(1, Fault::kWriteFails);
  EXPECT_THAT(Create(), IsOk());
  EXPECT_EQ(created(), 3U);
}

TEST_F(KmipClientTest, AnErrorTellsWhetherAnythingMayHaveHappened) {
  dialer().FailRequests(Fault::kLostAfter);
  // Of the agreement upon a version nobody wants to know.
  EXPECT_FALSE(net::MayHaveArrived(Create()));
  dialer().FailRequests({});
  ASSERT_THAT(Read(), IsOk());
  dialer().FailRequests(Fault::kLostAfter);
  EXPECT_TRUE(net::MayHaveArrived(Read()));
}

TEST_F(KmipClientTest, WhatFoundNobodyNeverArrived) {
  dialer().SetDown(true);
  EXPECT_FALSE(net::MayHaveArrived(Create()));
}

TEST_F(KmipClientTest, TheErrorOfTheWorkIsTheOutcome) {
  int runs = 0;
  const auto work = [&](kmip::Session& session) {
    ++runs;
    RETURN_IF_ERROR(session.Ask(context(), kmip::GetAttributesRequest("kek")).status());
    return FailedPrecondition("the key is too short");
  };
  EXPECT_THAT(client().Run(context(), kms::Urgency::kMount, work),
              StatusIs(Code::kFailedPrecondition, "the key is too short"));
  EXPECT_EQ(runs, 1);
}

TEST_F(KmipClientTest, WorkStartsAfreshEachTime) {
  int runs = 0;
  server().Fail(Operation::kGetAttributes, 2, {.reason = ResultReason::kServerLimitExceeded});
  const auto work = [&](kmip::Session& session) {
    ++runs;
    RETURN_IF_ERROR(session.Ask(context(), kmip::GetAttributesRequest("kek")).status());
    return session.Ask(context(), kmip::GetAttributesRequest("kek")).status();
  };
  EXPECT_THAT(client().Run(context(), kms::Urgency::kMount, work), IsOk());
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(server().Count(Operation::kGetAttributes), 4);
}

TEST_F(KmipClientTest, WorkThatCopesWithAFailureIsDone) {
  server().Fail(Operation::kGetAttributes, 1, {.reason = ResultReason::kServerLimitExceeded});
  const auto work = [&](kmip::Session& session) {
    EXPECT_THAT(session.Ask(context(), kmip::GetAttributesRequest("kek")),
                StatusIs(Code::kUnavailable));
    return OkStatus();
  };
  EXPECT_THAT(client().Run(context(), kms::Urgency::kMount, work), IsOk());
  EXPECT_EQ(server().Count(Operation::kGetAttributes), 1);
}

TEST_F(KmipClientTest, TheBreakerOpensAndCloses) {
  dialer().SetDown(true);
  EXPECT_THAT(Read(), StatusIs(Code::kUnavailable, HasSubstr("connection refused")));
  EXPECT_EQ(dialer().dials(), 3);
  // Five in a row, and within the call nobody asks any more.
  EXPECT_THAT(Read(), StatusIs(Code::kUnavailable, HasSubstr("has been down since")));
  EXPECT_EQ(dialer().dials(), 5);
  const Status status = Read();
  EXPECT_THAT(status,
              StatusIs(Code::kUnavailable, AllOf(HasSubstr("KMIP at a:5696 has been down since"),
                                                 HasSubstr("connection refused"))));
  EXPECT_FALSE(net::MayHaveArrived(status));
  EXPECT_EQ(dialer().dials(), 5);
  dialer().SetDown(false);
  EXPECT_THAT(Read(), StatusIs(Code::kUnavailable));
  clock().Advance(seconds(2));
  EXPECT_THAT(Read(), IsOk());
  ExpectHealthy();
}

TEST_F(KmipClientTest, WhatAServerSaysDoesNotOpenTheBreaker) {
  server().FailAlways(Operation::kGetAttributes, {.reason = ResultReason::kInternalServerError});
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(Read(), StatusIs(Code::kUnavailable, HasSubstr("Internal Server Error")));
  }
  server().Heal();
  ExpectHealthy();
}

}  // namespace
}  // namespace rbdcrypt::testing
