// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/leader_term.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace rbdcrypt::k8s {
namespace {

using std::chrono::seconds;
using testing::FakeClock;

TEST(LeaderTermTest, ItEndsByItself) {
  FakeClock clock;
  const LeaderTerm term(clock, clock.Now() + seconds(10));
  clock.Advance(seconds(9));
  EXPECT_FALSE(term.over());
  EXPECT_EQ(term.TimeLeft(), seconds(1));
  clock.Advance(seconds(1));
  EXPECT_TRUE(term.over());
  EXPECT_EQ(term.TimeLeft(), seconds(0));
}

TEST(LeaderTermTest, ItsEndCanBePutOffUntilItHasCome) {
  FakeClock clock;
  LeaderTerm term(clock, clock.Now() + seconds(10));
  clock.Advance(seconds(9));
  EXPECT_TRUE(term.Extend(clock.Now() + seconds(10)));
  clock.Advance(seconds(10));
  EXPECT_FALSE(term.Extend(clock.Now() + seconds(10)));
  EXPECT_TRUE(term.over());
}

TEST(LeaderTermTest, WhatWasEndedStaysSo) {
  FakeClock clock;
  LeaderTerm term(clock, clock.Now() + seconds(10));
  term.End();
  EXPECT_TRUE(term.over());
  EXPECT_FALSE(term.Extend(clock.Now() + seconds(10)));
  EXPECT_TRUE(term.over());
}

}  // namespace
}  // namespace rbdcrypt::k8s
