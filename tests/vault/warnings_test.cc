// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/warnings.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/vault/fake_kube.h"

namespace rbdcrypt::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(WarningsTest, SameOneIsRaisedOnceAnHour) {
  FakeClock clock;
  FakeKube kube;
  vault::Warnings warnings(&kube);
  warnings.Raise(clock, "a", "Reason", "text");
  warnings.Raise(clock, "a", "Reason", "text");
  warnings.Raise(clock, "b", "Reason", "text");
  EXPECT_THAT(kube.warnings, ElementsAre("a Reason text", "b Reason text"));
  clock.Advance(std::chrono::minutes(61));
  warnings.Raise(clock, "a", "Reason", "text");
  EXPECT_EQ(kube.warnings.size(), 3U);
}

TEST(WarningsTest, WithoutANamespaceOnlyTheLogHasIt) {
  FakeClock clock;
  FakeKube kube;
  vault::Warnings(&kube).Raise(clock, "", "Reason", "text");
  EXPECT_THAT(kube.warnings, IsEmpty());
  vault::Warnings(nullptr).Raise(clock, "a", "Reason", "text");
}

}  // namespace
}  // namespace rbdcrypt::testing
