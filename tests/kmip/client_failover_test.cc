// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kmip/client.h"
#include "kmip/reasons.h"
#include "net/arrival.h"
#include "tests/kmip/client_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using kmip::Operation;
using kmip::ResultReason;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using DialFault = FakeKmipDialer::DialFault;
using Fault = FakeKmipDialer::Fault;

int CountOf(const std::string& text, const std::string& piece) {
  int count = 0;
  for (std::size_t at = text.find(piece); at != std::string::npos; at = text.find(piece, at + 1)) {
    ++count;
  }
  return count;
}

// Two servers of the same keys.
class KmipFailoverTest : public ::testing::Test, protected ClientWorld {
 protected:
  KmipFailoverTest() : ClientWorld(2) {}

  // One call succeeds at that server, within its deadline.
  void ExpectServedBy(const std::string& server) {
    ASSERT_THAT(Read(context().WithTimeout(seconds(30))), IsOk());
    EXPECT_EQ(served_by(), server);
  }

  void ExpectBackAfterTheCoolDown() {
    clock().Advance(seconds(30));
    ExpectServedBy("a:5696");
    EXPECT_EQ(dialer(0).open_streams(), 1);
    EXPECT_LE(dialer(1).open_streams(), 1);
    EXPECT_EQ(client().OpenConnectionsForTest(),
              static_cast<std::size_t>(dialer(0).open_streams() + dialer(1).open_streams()));
  }
};

TEST_F(KmipFailoverTest, TheFirstServesUntilItFails) {
  EXPECT_EQ(client().name(), "KMIP at a:5696, b:5696");
  for (int i = 0; i < 5; ++i) {
    ExpectServedBy("a:5696");
  }
  EXPECT_EQ(dialer(1).dials(), 0);
}

TEST_F(KmipFailoverTest, AServerThatCannotBeReachedIsReplacedWithoutAWait) {
  for (const DialFault fault : {DialFault::kRefused, DialFault::kSilent, DialFault::kNoTls,
                                DialFault::kWrongCertificate, DialFault::kRefusesOurs}) {
    dialer(0).CloseStreams();
    dialer(0).FailDials(fault);
    const auto slept = clock().slept();
    ExpectServedBy("b:5696");
    if (fault != DialFault::kSilent) {
      EXPECT_EQ(clock().slept(), slept);
    }
    dialer(0).FailDials({});
    ExpectServedBy("b:5696");
    ExpectBackAfterTheCoolDown();
  }
}

TEST_F(KmipFailoverTest, AServerThatFailsWithinAnAnswerIsReplaced) {
  for (const Fault fault :
       {Fault::kWriteFails, Fault::kClosedBefore, Fault::kRefusesOurs, Fault::kLostAfter,
        Fault::kClosedAfter, Fault::kHalfAnswer, Fault::kDrips, Fault::kSilent}) {
    ExpectServedBy("a:5696");
    dialer(0).FailRequests(fault);
    ExpectServedBy("b:5696");
    EXPECT_EQ(dialer(0).open_streams(), 0);
    dialer(0).FailRequests({});
    ExpectServedBy("b:5696");
    ExpectBackAfterTheCoolDown();
  }
}

TEST_F(KmipFailoverTest, AReasonThatAnotherNeedNotHaveGoesThere) {
  server(0).FailAlways({}, {.reason = ResultReason::kProtectionStorageUnavailable});
  ExpectServedBy("b:5696");
  server(0).Heal();
  server(0).FailAlways({}, {.reason = ResultReason::kGeneralFailure});
  server(1).FailAlways({}, {.reason = ResultReason::kServerLimitExceeded});
  EXPECT_THAT(Read(), StatusIs(Code::kInternal, HasSubstr("General Failure")));
}

TEST_F(KmipFailoverTest, AReasonThatAllHaveStays) {
  ExpectServedBy("a:5696");
  server(0).FailAlways(Operation::kGetAttributes, {.reason = ResultReason::kItemNotFound});
  EXPECT_THAT(Read(), StatusIs(Code::kNotFound, HasSubstr("a:5696")));
  EXPECT_EQ(dialer(1).dials(), 0);
}

TEST_F(KmipFailoverTest, MalformedAnswersGoToTheOther) {
  server(0).OnAnswer([](const FakeKmip::Seen&, std::vector<std::byte>& answer) {
    answer.back() ^= std::byte{1};
    answer[7] ^= std::byte{8};
  });
  ExpectServedBy("b:5696");
  server(0).OnAnswer({});
  ExpectBackAfterTheCoolDown();
}

TEST_F(KmipFailoverTest, ASilentServerLeavesTheOtherAPartOfTheCallsTime) {
  ExpectServedBy("a:5696");
  dialer(0).FailRequests(Fault::kSilent);
  const auto begin = clock().Now();
  ASSERT_THAT(Read(context().WithTimeout(seconds(8))), IsOk());
  EXPECT_EQ(served_by(), "b:5696");
  EXPECT_EQ(clock().Now() - begin, seconds(4));
}

TEST_F(KmipFailoverTest, TheFirstIsTriedAgainAfterTheCoolDownAndNotBefore) {
  dialer(0).SetDown(true);
  ExpectServedBy("b:5696");
  const int dials = dialer(0).dials();
  clock().Advance(seconds(29));
  ExpectServedBy("b:5696");
  EXPECT_EQ(dialer(0).dials(), dials);
  clock().Advance(seconds(1));
  ExpectServedBy("b:5696");
  EXPECT_EQ(dialer(0).dials(), dials + 1);
  dialer(0).SetDown(false);
  ExpectServedBy("b:5696");
  clock().Advance(seconds(30));
  ExpectServedBy("a:5696");
  ExpectServedBy("a:5696");
}

TEST_F(KmipFailoverTest, ServersThatAreAllDownAreNamedEachWithItsError) {
  dialer(0).SetDown(true);
  dialer(1).FailDials(DialFault::kNoTls);
  const Status status = Read();
  EXPECT_THAT(status,
              StatusIs(Code::kUnavailable, AllOf(HasSubstr("a:5696: connection refused"),
                                                 HasSubstr("b:5696: what answers speaks no TLS"))));
  EXPECT_FALSE(net::MayHaveArrived(status));
}

TEST_F(KmipFailoverTest, CertificatesThatAllRefuseAreTheError) {
  dialer(0).FailDials(DialFault::kWrongCertificate);
  dialer(1).FailRequests(Fault::kRefusesOurs);
  const Status status = Read();
  EXPECT_THAT(status, StatusIs(Code::kInvalidArgument,
                               AllOf(HasSubstr("a:5696: the server's certificate"),
                                     HasSubstr("b:5696: the server refuses our certificate"))));
  EXPECT_FALSE(net::MayHaveArrived(status));
  // No use in asking again.
  EXPECT_EQ(dialer(0).dials(), 1);
  EXPECT_EQ(dialer(1).dials(), 1);
}

TEST_F(KmipFailoverTest, ACertificateIsNotTheErrorIfAnotherServerIsDown) {
  dialer(0).FailDials(DialFault::kWrongCertificate);
  dialer(1).SetDown(true);
  EXPECT_THAT(Read(), StatusIs(Code::kUnavailable, AllOf(HasSubstr("certificate does not verify"),
                                                         HasSubstr("connection refused"))));
  EXPECT_EQ(dialer(0).dials(), 1);
  EXPECT_EQ(dialer(1).dials(), 3);
}

TEST_F(KmipFailoverTest, WhatMayHaveHappenedIsNotDoneElsewhere) {
  ExpectServedBy("a:5696");
  dialer(0).FailRequests(Fault::kLostAfter);
  const Status status = Create();
  EXPECT_THAT(status, StatusIs(Code::kUnavailable));
  EXPECT_TRUE(net::MayHaveArrived(status));
  EXPECT_EQ(created(), 1U);
  EXPECT_EQ(server(1).Count(), 0);
}

TEST_F(KmipFailoverTest, WhatNeverArrivedIsDoneElsewhere) {
  dialer(0).SetDown(true);
  EXPECT_THAT(Create(), IsOk());
  dialer(0).SetDown(false);
  dialer(0).FailRequests(Fault::kWriteFails);
  clock().Advance(seconds(30));
  EXPECT_THAT(Create(), IsOk());
  EXPECT_EQ(created(), 2U);
  EXPECT_EQ(server(1).Count(Operation::kCreate), 2);
}

TEST_F(KmipFailoverTest, TheLogHasALinePerChangeAndNotPerCall) {
  ::testing::internal::CaptureStderr();
  ExpectServedBy("a:5696");
  dialer(0).CloseStreams();
  dialer(0).FailDials(DialFault::kWrongCertificate);
  for (int i = 0; i < 5; ++i) {
    clock().Advance(seconds(30));
    ExpectServedBy("b:5696");
  }
  dialer(0).FailDials({});
  clock().Advance(seconds(30));
  for (int i = 0; i < 3; ++i) {
    ExpectServedBy("a:5696");
  }
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(CountOf(log, "event=kmip_failover from=a:5696 to=b:5696"), 1) << log;
  EXPECT_EQ(CountOf(log, "event=kmip_server_refused server=a:5696"), 1) << log;
  EXPECT_EQ(CountOf(log, "event=kmip_failback from=b:5696 to=a:5696"), 1) << log;
  EXPECT_THAT(log, HasSubstr("certificate does not verify"));
}

}  // namespace
}  // namespace rbdcrypt::testing
