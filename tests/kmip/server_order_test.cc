// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/server_order.h"

#include <chrono>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace rbdcrypt::testing {
namespace {

using kmip::ServerOrder;
using std::chrono::seconds;
using ::testing::ElementsAre;
using Change = ServerOrder::Change;

constexpr seconds kCoolDown(30);

class ServerOrderTest : public ::testing::Test {
 protected:
  std::vector<std::size_t> Now() { return order_.For(clock_.Now()); }

  void Fail(std::size_t server) { order_.Failed(server, clock_.Now()); }

  FakeClock clock_;
  ServerOrder order_{3, kCoolDown};
};

TEST_F(ServerOrderTest, TheFirstIsFirst) {
  EXPECT_THAT(Now(), ElementsAre(0, 1, 2));
  EXPECT_EQ(order_.Succeeded(0), Change::kNone);
  clock_.Advance(kCoolDown * 10);
  EXPECT_THAT(Now(), ElementsAre(0, 1, 2));
}

TEST_F(ServerOrderTest, TheNextOneTakesOverAndStays) {
  Fail(0);
  EXPECT_THAT(Now(), ElementsAre(1, 2, 0));
  EXPECT_EQ(order_.Succeeded(1), Change::kFailover);
  EXPECT_EQ(order_.last_good(), 1U);
  EXPECT_EQ(order_.Succeeded(1), Change::kNone);
  clock_.Advance(kCoolDown - seconds(1));
  EXPECT_THAT(Now(), ElementsAre(1, 2, 0));
}

TEST_F(ServerOrderTest, TheLastIsFollowedByTheFirst) {
  Fail(0);
  Fail(1);
  EXPECT_THAT(Now(), ElementsAre(2, 0, 1));
  EXPECT_EQ(order_.Succeeded(2), Change::kFailover);
  Fail(2);
  EXPECT_THAT(Now(), ElementsAre(0, 1, 2));
}

TEST_F(ServerOrderTest, ManyFailuresOfOneServerAreOneStep) {
  Fail(0);
  Fail(0);
  Fail(0);
  EXPECT_THAT(Now(), ElementsAre(1, 2, 0));
}

TEST_F(ServerOrderTest, AFailureOfAnotherThanTheCurrentChangesNothing) {
  Fail(2);
  EXPECT_THAT(Now(), ElementsAre(0, 1, 2));
}

TEST_F(ServerOrderTest, AfterTheCoolDownOneCallerLooksAtTheFirst) {
  Fail(0);
  Fail(1);
  order_.Succeeded(2);
  clock_.Advance(kCoolDown);
  EXPECT_THAT(Now(), ElementsAre(0, 2, 1));
  // The others go on with the one that works.
  EXPECT_THAT(Now(), ElementsAre(2, 0, 1));
  EXPECT_EQ(order_.Succeeded(2), Change::kNone);
  EXPECT_EQ(order_.Succeeded(0), Change::kFailback);
  EXPECT_THAT(Now(), ElementsAre(0, 1, 2));
}

TEST_F(ServerOrderTest, AFirstOneThatFailsAgainIsLookedAtAfterAnotherCoolDown) {
  Fail(0);
  order_.Succeeded(1);
  clock_.Advance(kCoolDown);
  EXPECT_THAT(Now(), ElementsAre(0, 1, 2));
  clock_.Advance(seconds(10));
  Fail(0);
  clock_.Advance(kCoolDown - seconds(1));
  EXPECT_THAT(Now(), ElementsAre(1, 2, 0));
  clock_.Advance(seconds(1));
  EXPECT_THAT(Now(), ElementsAre(0, 1, 2));
}

TEST_F(ServerOrderTest, ALookThatNobodyFinishedIsMadeAgain) {
  Fail(0);
  order_.Succeeded(1);
  clock_.Advance(kCoolDown);
  EXPECT_THAT(Now(), ElementsAre(0, 1, 2));
  clock_.Advance(kCoolDown);
  EXPECT_THAT(Now(), ElementsAre(0, 1, 2));
}

TEST_F(ServerOrderTest, AnAnswerToWhatWasSentBeforeTheFailureIsNoReasonToGoBack) {
  Fail(0);
  EXPECT_EQ(order_.Succeeded(0), Change::kNone);
  EXPECT_THAT(Now(), ElementsAre(1, 2, 0));
  order_.Succeeded(1);
  EXPECT_EQ(order_.Succeeded(2), Change::kNone);
  EXPECT_THAT(Now(), ElementsAre(1, 2, 0));
}

TEST_F(ServerOrderTest, ASingleServerStaysTheOne) {
  ServerOrder alone(1, kCoolDown);
  alone.Failed(0, clock_.Now());
  EXPECT_THAT(alone.For(clock_.Now()), ElementsAre(0));
  EXPECT_EQ(alone.Succeeded(0), Change::kNone);
}

}  // namespace
}  // namespace rbdcrypt::testing
