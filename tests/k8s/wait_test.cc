// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/wait.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace rbdcrypt::k8s {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeClock;

TEST(WaitTest, TheWholeWaitPassesOnTheContextsClock) {
  FakeClock clock;
  EXPECT_TRUE(WaitFor(Context({.clock = &clock}), seconds(7)));
  EXPECT_EQ(clock.slept(), seconds(7));
}

TEST(WaitTest, AWaitBeyondTheDeadlineIsNotBegun) {
  FakeClock clock;
  const Context context = Context({.clock = &clock}).WithTimeout(seconds(5));
  EXPECT_FALSE(WaitFor(context, seconds(5)));
  EXPECT_EQ(clock.slept(), seconds(0));
}

TEST(WaitTest, ACancelledWaitEndsWithinAMoment) {
  FakeClock clock;
  int asked = 0;
  const Context context({.clock = &clock, .is_cancelled = [&] { return ++asked > 3; }});
  EXPECT_FALSE(WaitFor(context, seconds(60)));
  EXPECT_LE(clock.slept(), milliseconds(500));
}

TEST(WaitTest, RandomWaitsStayInTheirBounds) {
  bool differ = false;
  for (int i = 0; i < 100; ++i) {
    const auto wait = RandomBetween(seconds(1), seconds(2));
    EXPECT_GE(wait, seconds(1));
    EXPECT_LE(wait, seconds(2));
    differ = differ || wait != RandomBetween(seconds(1), seconds(2));
  }
  EXPECT_TRUE(differ);
}

TEST(WaitTest, StoppingAWorkerCancelsItsContextAndWaitsForItsEnd) {
  FakeClock clock;
  std::atomic<bool> ended = false;
  Worker worker(clock, [&](const Context& context) {
    while (WaitFor(context, seconds(1))) {
    }
    ended = true;
  });
  worker.Stop();
  EXPECT_TRUE(ended);
  worker.Stop();
}

TEST(WaitTest, AWorkerThatIsAskedToStopEndsWhileOthersAreAsked) {
  FakeClock clock;
  std::atomic<int> ended = 0;
  const auto work = [&](const Context& context) {
    while (WaitFor(context, seconds(1))) {
    }
    ++ended;
  };
  Worker first(clock, work);
  Worker second(clock, work);
  first.AskToStop();
  second.AskToStop();
  first.Stop();
  second.Stop();
  EXPECT_EQ(ended, 2);
}

}  // namespace
}  // namespace rbdcrypt::k8s
