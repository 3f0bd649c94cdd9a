// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/wait.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/wait.h"
#include "tests/support/fake_clock.h"

namespace rbdcrypt::k8s {
namespace {

using std::chrono::seconds;
using testing::FakeClock;

TEST(WorkerTest, StoppingAWorkerCancelsItsContextAndWaitsForItsEnd) {
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

TEST(WorkerTest, AWorkerThatIsAskedToStopEndsWhileOthersAreAsked) {
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
