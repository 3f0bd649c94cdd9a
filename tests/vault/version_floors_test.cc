// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/version_floors.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace rbdcrypt::testing {
namespace {

TEST(VersionFloorsTest, HighestVersionCountsForAMinute) {
  FakeClock clock;
  vault::VersionFloors floors;
  EXPECT_EQ(floors.Of(clock, "x"), 0U);
  floors.Raise(clock, "x", 3);
  floors.Raise(clock, "x", 2);
  EXPECT_EQ(floors.Of(clock, "x"), 3U);
  EXPECT_EQ(floors.Of(clock, "y"), 0U);
  clock.Advance(std::chrono::seconds(61));
  EXPECT_EQ(floors.Of(clock, "x"), 0U);
}

TEST(VersionFloorsTest, FloorThatPassedItsTimeDoesNotRaiseTheNext) {
  FakeClock clock;
  vault::VersionFloors floors;
  floors.Raise(clock, "y", 1);
  clock.Advance(std::chrono::seconds(30));
  floors.Raise(clock, "x", 3);
  // Sweeps, while "x" still counts; the next sweep is a minute away.
  clock.Advance(std::chrono::seconds(31));
  floors.Raise(clock, "y", 1);
  clock.Advance(std::chrono::seconds(31));
  floors.Raise(clock, "x", 1);
  EXPECT_EQ(floors.Of(clock, "x"), 1U);
}

TEST(VersionFloorsTest, ForgottenSecretStartsAnew) {
  FakeClock clock;
  vault::VersionFloors floors;
  floors.Raise(clock, "x", 3);
  floors.Forget("x");
  EXPECT_EQ(floors.Of(clock, "x"), 0U);
}

}  // namespace
}  // namespace rbdcrypt::testing
