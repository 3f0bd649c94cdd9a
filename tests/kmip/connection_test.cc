// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/connection.h"

#include <chrono>
#include <memory>
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
using kmip::Connection;
using kmip::ResultReason;
using kmip::Tag;
using kmip::TtlvView;
using kmip::TtlvWriter;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using State = Connection::State;

constexpr kmip::Version kVersion{.major = 1, .minor = 4};

class ConnectionTest : public ::testing::Test {
 protected:
  ConnectionTest() {
    auto stream = server_.Dialer()->Dial(context());
    connection_ = std::make_unique<Connection>(
        *std::move(stream), "kmip.example:5696",
        Connection::Timeouts{.write = seconds(4), .read = seconds(6)}, clock_.Now());
  }

  Context context() { return Context({.clock = &clock_}); }

  Result<Answer> Ask(const Context& context) {
    return connection_->Ask(context, kmip::QueryRequest(), kVersion);
  }

  Result<Answer> Ask() { return Ask(context()); }

  // The next requests are answered by these pieces.
  void Script(std::vector<Piece> pieces) {
    server_.reply = [pieces](const TtlvView&) { return pieces; };
  }

  // The next requests are answered by what `change` makes of a right answer.
  void Spoil(std::function<void(Bytes& answer)> change) {
    server_.reply = [change = std::move(change)](const TtlvView& request) {
      Bytes answer = SuccessTo(request);
      change(answer);
      return std::vector<Piece>{Sends(std::move(answer))};
    };
  }

  FakeClock clock_;
  ScriptedKmip server_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(ConnectionTest, OneQuestionAfterTheOtherIsAnswered) {
  EXPECT_FALSE(connection_->has_answered());
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(seconds(1));
    ASSERT_THAT(Ask(), IsOk());
    EXPECT_TRUE(connection_->IsQuiet());
    EXPECT_TRUE(connection_->has_answered());
    EXPECT_EQ(connection_->used_at(), clock_.Now());
  }
  EXPECT_EQ(server_.requests(), 3);
}

TEST_F(ConnectionTest, WhatTheServerSaysLeavesItGood) {
  server_.reply = [](const TtlvView& request) {
    return std::vector<Piece>{Sends(FailureTo(request, ResultReason::kItemNotFound))};
  };
  const Result<Answer> answer = Ask();
  EXPECT_THAT(answer, StatusIs(Code::kNotFound,
                               AllOf(HasSubstr("kmip.example:5696"), HasSubstr("Item Not Found"))));
  EXPECT_EQ(kmip::ReasonOf(answer.status()), ResultReason::kItemNotFound);
  EXPECT_EQ(connection_->state(), State::kGood);
  EXPECT_TRUE(connection_->has_answered());
}

TEST_F(ConnectionTest, AnAnswerByteAfterByteIsWhole) {
  server_.reply = [](const TtlvView& request) {
    std::vector<Piece> pieces;
    for (const std::byte byte : SuccessTo(request)) {
      pieces.push_back(Sends({byte}));
    }
    return pieces;
  };
  EXPECT_THAT(Ask(), IsOk());
  EXPECT_EQ(connection_->state(), State::kGood);
}

TEST_F(ConnectionTest, AnEndBeforeAnAnswerLeavesItLost) {
  Script({Ends()});
  EXPECT_THAT(Ask(), StatusIs(Code::kUnavailable, HasSubstr("without an answer")));
  EXPECT_EQ(connection_->state(), State::kLost);
  EXPECT_FALSE(connection_->IsQuiet());
}

TEST_F(ConnectionTest, AResetBeforeAnAnswerLeavesItLost) {
  Script({Fails(Unavailable("kmip.example:5696: connection reset"))});
  const Result<Answer> answer = Ask();
  EXPECT_THAT(answer, StatusIs(Code::kUnavailable, HasSubstr("reset")));
  EXPECT_TRUE(net::MayHaveArrived(answer.status()));
  EXPECT_EQ(connection_->state(), State::kLost);
}

TEST_F(ConnectionTest, AFailedWriteLeavesItLost) {
  server_.on_write = [] { return Unavailable("broken pipe"); };
  const Result<Answer> answer = Ask();
  EXPECT_THAT(answer, StatusIs(Code::kUnavailable, "broken pipe"));
  EXPECT_FALSE(net::MayHaveArrived(answer.status()));
  EXPECT_EQ(connection_->state(), State::kLost);
}

TEST_F(ConnectionTest, HalfAnAnswerLeavesItBroken) {
  for (const std::size_t kept : {std::size_t{1}, std::size_t{7}, std::size_t{8}, std::size_t{60}}) {
    auto stream = server_.Dialer()->Dial(context());
    Connection connection(*std::move(stream), "kmip.example:5696",
                          {.write = seconds(4), .read = seconds(6)}, clock_.Now());
    server_.reply = [kept](const TtlvView& request) {
      Bytes answer = SuccessTo(request);
      answer.resize(kept);
      return std::vector<Piece>{Sends(answer), Ends()};
    };
    EXPECT_THAT(connection.Ask(context(), kmip::QueryRequest(), kVersion),
                StatusIs(Code::kUnavailable, HasSubstr("within an answer")));
    EXPECT_EQ(connection.state(), State::kBroken);
  }
}

TEST_F(ConnectionTest, SilenceEndsByTheReadTimeout) {
  Script({IsSilent()});
  EXPECT_THAT(Ask(), StatusIs(Code::kUnavailable,
                              AllOf(HasSubstr("kmip.example:5696"), HasSubstr("within 6000 ms"))));
  EXPECT_EQ(clock_.slept(), seconds(6));
  EXPECT_EQ(connection_->state(), State::kBroken);
}

TEST_F(ConnectionTest, ASlowDripEndsByTheReadTimeoutOfTheWholeMessage) {
  server_.reply = [this](const TtlvView& request) {
    std::vector<Piece> pieces;
    for (const std::byte byte : SuccessTo(request)) {
      pieces.push_back(Sends({byte}));
    }
    return pieces;
  };

  // Each byte takes a second.
  class SlowClock final : public Clock {
   public:
    explicit SlowClock(FakeClock& clock) : clock_(clock) {}

    TimePoint Now() const override {
      clock_.Advance(std::chrono::milliseconds(500));
      return clock_.Now();
    }

    std::chrono::system_clock::time_point Wall() const override { return clock_.Wall(); }

    void SleepUntil(TimePoint when) override { clock_.SleepUntil(when); }

   private:
    FakeClock& clock_;
  };

  SlowClock slow(clock_);
  EXPECT_THAT(Ask(Context({.clock = &slow})),
              StatusIs(Code::kUnavailable, HasSubstr("no whole answer")));
  EXPECT_EQ(connection_->state(), State::kBroken);
}

TEST_F(ConnectionTest, TheCallersDeadlineIsTheCallers) {
  Script({IsSilent()});
  EXPECT_THAT(Ask(context().WithTimeout(seconds(2))), StatusIs(Code::kDeadlineExceeded));
  EXPECT_EQ(clock_.slept(), seconds(2));
  EXPECT_EQ(connection_->state(), State::kBroken);
}

TEST_F(ConnectionTest, ARequestThatIsNotTakenEndsByTheWriteTimeout) {
  server_.on_write = [] { return DeadlineExceeded("the buffer stayed full"); };
  const Result<Answer> answer = Ask();
  EXPECT_THAT(answer, StatusIs(Code::kUnavailable, HasSubstr("within 4000 ms")));
  EXPECT_FALSE(net::MayHaveArrived(answer.status()));
  EXPECT_EQ(connection_->state(), State::kBroken);
}

TEST_F(ConnectionTest, ACancellationIsTheCallers) {
  Script({Fails(Cancelled("the caller gave up"))});
  EXPECT_THAT(Ask(), StatusIs(Code::kCancelled));
  EXPECT_EQ(connection_->state(), State::kBroken);
}

TEST_F(ConnectionTest, TheStreamSaysWhetherARefusedCertificateWasRefusedInTime) {
  Script({Fails(net::NeverArrived(InvalidArgument("unknown CA")))});
  const Result<Answer> answer = Ask();
  EXPECT_THAT(answer, StatusIs(Code::kInvalidArgument, "unknown CA"));
  EXPECT_FALSE(net::MayHaveArrived(answer.status()));
  EXPECT_EQ(connection_->state(), State::kBroken);
}

TEST_F(ConnectionTest, ACertificateThatIsRefusedLaterProvesNothing) {
  ASSERT_THAT(Ask(), IsOk());
  Script({Fails(InvalidArgument("certificate revoked"))});
  const Result<Answer> answer = Ask();
  EXPECT_THAT(answer, StatusIs(Code::kInvalidArgument));
  EXPECT_TRUE(net::MayHaveArrived(answer.status()));
}

TEST_F(ConnectionTest, WhatIsNoKmipLeavesItBroken) {
  Script({Sends(Bytes(64, std::byte{'H'}))});
  EXPECT_THAT(Ask(), StatusIs(Code::kDataLoss, HasSubstr("kmip.example:5696")));
  EXPECT_EQ(connection_->state(), State::kBroken);
}

TEST_F(ConnectionTest, AnAnnouncedLengthIsCheckedBeforeAnythingIsAllocated) {
  for (const std::byte first : {std::byte{0x00}, std::byte{0x7F}, std::byte{0xFF}}) {
    auto stream = server_.Dialer()->Dial(context());
    Connection connection(*std::move(stream), "kmip.example:5696",
                          {.write = seconds(4), .read = seconds(6)}, clock_.Now());
    // Up to 4 GiB; as a signed number also a negative one.
    Spoil([first](Bytes& answer) {
      answer[4] = first;
      answer[5] = std::byte{0xFF};
      answer[6] = std::byte{0xFF};
      answer[7] = std::byte{0xF8};
    });
    EXPECT_THAT(connection.Ask(context(), kmip::QueryRequest(), kVersion),
                StatusIs(Code::kDataLoss));
    EXPECT_EQ(connection.state(), State::kBroken);
    EXPECT_EQ(clock_.slept(), seconds(0));
  }
}

TEST_F(ConnectionTest, AnAnswerToAnotherQuestionLeavesItBroken) {
  server_.reply = [](const TtlvView& request) {
    Bytes answer = SuccessTo(request);
    // Within the item's ID.
    answer[0x78] ^= std::byte{1};
    return std::vector<Piece>{Sends(std::move(answer))};
  };
  EXPECT_THAT(Ask(), StatusIs(Code::kDataLoss, HasSubstr("another request")));
  EXPECT_EQ(connection_->state(), State::kBroken);
}

TEST_F(ConnectionTest, WorkThatIsToBeDoneLaterLeavesItBroken) {
  server_.reply = [](const TtlvView& request) {
    return std::vector<Piece>{Sends(AnswerTo(request, [](TtlvWriter& item) {
      item.Enum(Tag::kResultStatus, kmip::ResultStatus::kOperationPending);
    }))};
  };
  EXPECT_THAT(Ask(), StatusIs(Code::kInternal, HasSubstr("Pending")));
  EXPECT_EQ(connection_->state(), State::kBroken);
}

TEST_F(ConnectionTest, BytesThatNobodyAskedForMakeItUnquiet) {
  server_.reply = [](const TtlvView& request) {
    return std::vector<Piece>{Sends(SuccessTo(request)), Sends(SuccessTo(request))};
  };
  EXPECT_THAT(Ask(), IsOk());
  EXPECT_EQ(connection_->state(), State::kGood);
  EXPECT_FALSE(connection_->IsQuiet());
}

}  // namespace
}  // namespace rbdcrypt::testing
