// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/pool.h"

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kmip/operations.h"
#include "net/arrival.h"
#include "tests/kmip/scripted_kmip.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using kmip::Connection;
using kmip::Pool;
using kmip::TtlvView;
using std::chrono::seconds;

constexpr seconds kIdle(60);

class PoolTest : public ::testing::Test {
 protected:
  PoolTest()
      : dialer_(server_.Dialer()),
        pool_(*dialer_,
              {.most = 2, .idle = kIdle, .timeouts = {.write = seconds(4), .read = seconds(6)}}) {}

  Context context() { return Context({.clock = &clock_}); }

  Pool::Lease Lend() { return *pool_.Lend(context()); }

  Status Use(Pool::Lease& lease) {
    return lease->Ask(context(), kmip::QueryRequest(), {.major = 1, .minor = 4}).status();
  }

  FakeClock clock_;
  ScriptedKmip server_;
  const std::unique_ptr<net::Dialer> dialer_;
  Pool pool_;
};

TEST_F(PoolTest, AConnectionIsUsedAgain) {
  for (int i = 0; i < 5; ++i) {
    Pool::Lease lease = Lend();
    EXPECT_THAT(Use(lease), IsOk());
  }
  EXPECT_EQ(server_.dials(), 1);
  EXPECT_EQ(pool_.dials(), 1U);
  EXPECT_EQ(pool_.open(), 1U);
}

TEST_F(PoolTest, AConnectionHasOneBorrowerAtATime) {
  Pool::Lease first = Lend();
  Pool::Lease second = Lend();
  EXPECT_NE(first.operator->(), second.operator->());
  EXPECT_EQ(pool_.open(), 2U);
}

TEST_F(PoolTest, NoMoreThanTheMostAreKept) {
  {
    const Pool::Lease first = Lend();
    const Pool::Lease second = Lend();
    const Pool::Lease third = Lend();
    EXPECT_EQ(server_.open(), 3);
  }
  EXPECT_EQ(server_.open(), 2);
  EXPECT_EQ(pool_.open(), 2U);
}

TEST_F(PoolTest, TheOneThatCameBackLastIsLentFirst) {
  Pool::Lease first = Lend();
  Pool::Lease second = Lend();
  const Connection* const last = first.operator->();
  second.GiveBack();
  first.GiveBack();
  EXPECT_TRUE(first.is_over());
  EXPECT_EQ(Lend().operator->(), last);
}

TEST_F(PoolTest, OneThatWasIdleForTooLongIsClosed) {
  {
    Pool::Lease first = Lend();
    Pool::Lease second = Lend();
    ASSERT_THAT(Use(first), IsOk());
    clock_.Advance(seconds(50));
    ASSERT_THAT(Use(second), IsOk());
  }
  clock_.Advance(seconds(10));
  const Pool::Lease lease = Lend();
  EXPECT_EQ(server_.open(), 1);
  EXPECT_EQ(server_.dials(), 2);
  clock_.Advance(kIdle);
  const Pool::Lease another = Lend();
  EXPECT_EQ(server_.dials(), 3);
}

TEST_F(PoolTest, OneThatIsNotQuietIsClosed) {
  {
    const Pool::Lease first = Lend();
    const Pool::Lease second = Lend();
  }
  server_.is_quiet = false;
  const Pool::Lease lease = Lend();
  EXPECT_EQ(server_.dials(), 3);
  EXPECT_EQ(server_.open(), 1);
}

TEST_F(PoolTest, OneThatHadAnErrorIsClosed) {
  server_.reply = [](const TtlvView&) { return std::vector<Piece>{Ends()}; };
  {
    Pool::Lease lease = Lend();
    EXPECT_THAT(Use(lease), StatusIs(Code::kUnavailable));
    EXPECT_EQ(server_.open(), 1);
  }
  EXPECT_EQ(server_.open(), 0);
  EXPECT_EQ(pool_.open(), 0U);
}

TEST_F(PoolTest, OneThatWasAnsweredByAFailureIsKept) {
  server_.reply = [](const TtlvView& request) {
    return std::vector<Piece>{Sends(FailureTo(request, kmip::ResultReason::kItemNotFound))};
  };
  {
    Pool::Lease lease = Lend();
    EXPECT_THAT(Use(lease), StatusIs(Code::kNotFound));
  }
  EXPECT_EQ(server_.open(), 1);
}

TEST_F(PoolTest, AFailedDialIsSaidAndCountsAsNoConnection) {
  server_.on_dial = [] { return Unavailable("nobody listens"); };
  const Result<Pool::Lease> lease = pool_.Lend(context());
  EXPECT_THAT(lease, StatusIs(Code::kUnavailable, "nobody listens"));
  EXPECT_FALSE(net::MayHaveArrived(lease.status()));
  EXPECT_EQ(pool_.open(), 0U);
  EXPECT_EQ(pool_.dials(), 1U);
}

TEST_F(PoolTest, ADialIsANewConnectionWhateverIsKept) {
  const Connection* const kept = Lend().operator->();
  const Result<Pool::Lease> lease = pool_.Dial(context());
  ASSERT_THAT(lease, IsOk());
  EXPECT_NE(lease->operator->(), kept);
  EXPECT_EQ(server_.dials(), 2);
}

TEST_F(PoolTest, ALeaseThatIsReplacedGoesBack) {
  Pool::Lease lease = Lend();
  lease = *pool_.Dial(context());
  EXPECT_EQ(server_.open(), 2);
  lease.GiveBack();
  EXPECT_EQ(pool_.open(), 2U);
}

}  // namespace
}  // namespace rbdcrypt::testing
