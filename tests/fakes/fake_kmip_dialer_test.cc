// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_kmip_dialer.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kmip/messages.h"
#include "kmip/operations.h"
#include "net/arrival.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using Fault = FakeKmipDialer::Fault;
using DialFault = FakeKmipDialer::DialFault;

// A server, a way to it and a time that passes.
class FakeKmipDialerTest : public ::testing::Test {
 protected:
  FakeKmipDialerTest() { server_.keys().Put("1", {.material = std::vector<std::byte>(32)}); }

  Context Within(std::chrono::seconds limit) {
    return Context({.clock = &clock_}).WithTimeout(limit);
  }

  std::unique_ptr<net::ByteStream> Dial() {
    return dialer_.Dial(Within(std::chrono::seconds(5))).value();
  }

  Secret Message() {
    return kmip::EncodeRequest(kmip::GetRequest("1"), {.major = 1, .minor = 4}, {});
  }

  // How many bytes came before the stream ended, or its error.
  Result<std::size_t> Exchange(net::ByteStream& stream) {
    const Context context = Within(std::chrono::seconds(10));
    RETURN_IF_ERROR(stream.Write(context, Message().Reveal()));
    std::size_t total = 0;
    std::array<std::byte, 4096> buffer = {};
    while (true) {
      ASSIGN_OR_RETURN(const std::size_t size, stream.Read(context, buffer));
      total += size;
      if (size == 0 || total >= kAnswerBytes) {
        return total;
      }
    }
  }

  // Of a Get in 1.4.
  static constexpr std::size_t kAnswerBytes = 304;

  FakeClock clock_;
  FakeKmip server_;
  FakeKmipDialer dialer_{"kmip.example:5696", server_};
};

TEST_F(FakeKmipDialerTest, CarriesRequestsUntilItIsClosed) {
  {
    const auto stream = Dial();
    EXPECT_THAT(Exchange(*stream), IsOkAndHolds(kAnswerBytes));
    EXPECT_THAT(Exchange(*stream), IsOkAndHolds(kAnswerBytes));
    EXPECT_TRUE(stream->IsQuiet());
    EXPECT_EQ(dialer_.open_streams(), 1);
  }
  EXPECT_EQ(dialer_.open_streams(), 0);
  EXPECT_EQ(dialer_.dials(), 1);
  EXPECT_EQ(server_.Count(), 2);
}

TEST_F(FakeKmipDialerTest, DialsFailAsTheyAreTold) {
  const std::vector<std::pair<DialFault, Code>> faults = {
      {DialFault::kRefused, Code::kUnavailable},
      {DialFault::kSilent, Code::kDeadlineExceeded},
      {DialFault::kWrongCertificate, Code::kInvalidArgument},
      {DialFault::kRefusesOurs, Code::kInvalidArgument},
      {DialFault::kNoTls, Code::kDataLoss},
  };
  for (const auto& [fault, code] : faults) {
    dialer_.FailDial(2, fault);
    EXPECT_THAT(dialer_.Dial(Within(std::chrono::seconds(5))), IsOk());
    const Status failed = dialer_.Dial(Within(std::chrono::seconds(5))).status();
    EXPECT_THAT(failed, StatusIs(code));
    EXPECT_FALSE(net::MayHaveArrived(failed));
  }
  EXPECT_EQ(clock_.slept(), std::chrono::seconds(5));
}

TEST_F(FakeKmipDialerTest, WhatFailsBeforeTheServerActsDoesNotReachIt) {
  dialer_.FailRequest(1, Fault::kWriteFails);
  EXPECT_THAT(Exchange(*Dial()), StatusIs(Code::kUnavailable));
  dialer_.FailRequest(1, Fault::kClosedBefore);
  EXPECT_THAT(Exchange(*Dial()), IsOkAndHolds(0U));
  dialer_.FailRequest(1, Fault::kRefusesOurs);
  EXPECT_THAT(Exchange(*Dial()), StatusIs(Code::kInvalidArgument));
  EXPECT_EQ(server_.Count(), 0);
}

TEST_F(FakeKmipDialerTest, WhatFailsAfterTheServerActedReachedIt) {
  dialer_.FailRequest(1, Fault::kLostAfter);
  EXPECT_THAT(Exchange(*Dial()), StatusIs(Code::kUnavailable));
  dialer_.FailRequest(1, Fault::kClosedAfter);
  EXPECT_THAT(Exchange(*Dial()), IsOkAndHolds(0U));
  dialer_.FailRequest(1, Fault::kHalfAnswer);
  EXPECT_THAT(Exchange(*Dial()), IsOkAndHolds(kAnswerBytes / 2));
  EXPECT_EQ(clock_.slept(), std::chrono::seconds::zero());
  dialer_.FailRequest(1, Fault::kSilent);
  EXPECT_THAT(Exchange(*Dial()), StatusIs(Code::kDeadlineExceeded));
  EXPECT_EQ(clock_.slept(), std::chrono::seconds(10));
  dialer_.FailRequest(1, Fault::kDrips);
  EXPECT_THAT(Exchange(*Dial()), StatusIs(Code::kDeadlineExceeded));
  EXPECT_EQ(clock_.slept(), std::chrono::seconds(20));
  EXPECT_EQ(server_.Count(), 5);
}

TEST_F(FakeKmipDialerTest, AStreamThatTheServerClosedIsNotQuiet) {
  const auto stream = Dial();
  dialer_.CloseStreams();
  EXPECT_FALSE(stream->IsQuiet());
  EXPECT_THAT(Exchange(*stream), IsOkAndHolds(0U));
  EXPECT_THAT(Exchange(*Dial()), IsOkAndHolds(kAnswerBytes));
  dialer_.SetDown(true);
  EXPECT_THAT(dialer_.Dial(Within(std::chrono::seconds(5))), StatusIs(Code::kUnavailable));
  dialer_.SetDown(false);
  EXPECT_THAT(Exchange(*Dial()), IsOkAndHolds(kAnswerBytes));
}

TEST_F(FakeKmipDialerTest, MessagesInPiecesAreCounted) {
  const auto stream = Dial();
  const Context context = Within(std::chrono::seconds(1));
  const Secret message = Message();
  EXPECT_THAT(stream->Write(context, message.Reveal().first(5)), IsOk());
  EXPECT_EQ(server_.Count(), 0);
  EXPECT_THAT(stream->Write(context, message.Reveal().subspan(5)), IsOk());
  EXPECT_EQ(server_.Count(), 1);
  EXPECT_EQ(dialer_.split_messages(), 1);
}

}  // namespace
}  // namespace rbdcrypt::testing
