// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_kms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

// What the contract suite does not say: the fake's own ways of failing.
namespace rbdcrypt::testing {
namespace {

class FakeKmsTest : public ::testing::Test {
 protected:
  Result<std::string> Create(FakeKms& kms, std::string_view dek) {
    return kms.Create(context_, "v", Secret(dek));
  }

  Result<std::string> Replace(FakeKms& kms, std::string_view version, std::string_view dek) {
    return kms.Replace(context_, "v", version, Secret(dek));
  }

  const Context context_ = Context::Background();
};

TEST_F(FakeKmsTest, AWriteNotDoneChangesNothingAndTheNextWorks) {
  FakeKms kms;
  kms.FailWrite(1, KmsFault::kNotDone);
  EXPECT_THAT(Create(kms, "K0"), StatusIs(Code::kUnavailable));
  EXPECT_EQ(kms.CurrentForTest("v"), "");
  EXPECT_THAT(Create(kms, "K0"), IsOk());
}

TEST_F(FakeKmsTest, ALostAnswerHidesAWriteThatLanded) {
  FakeKms kms;
  kms.FailWrite(2, KmsFault::kAnswerLost);
  EXPECT_THAT(Create(kms, "K0"), IsOk());
  EXPECT_THAT(Replace(kms, "1", "K1"), StatusIs(Code::kUnavailable));
  EXPECT_EQ(kms.CurrentForTest("v"), "K1");
  EXPECT_EQ(kms.PreviousForTest("v"), "K0");
}

TEST_F(FakeKmsTest, ALateWriteLosesToCompareAndSet) {
  FakeKms kms;
  EXPECT_THAT(Create(kms, "K0"), IsOk());
  kms.FailWrite(1, KmsFault::kLandsLater);
  EXPECT_THAT(Replace(kms, "1", "X"), StatusIs(Code::kUnavailable));
  EXPECT_EQ(kms.CurrentForTest("v"), "K0");
  EXPECT_THAT(Replace(kms, "1", "K0"), IsOk());
  kms.LandLateWrites();
  EXPECT_EQ(kms.CurrentForTest("v"), "K0");
}

TEST_F(FakeKmsTest, ALateWriteWinsWithoutCompareAndSet) {
  FakeKms kms({.can_compare_and_set = false});
  EXPECT_THAT(Create(kms, "K0"), IsOk());
  kms.FailWrite(1, KmsFault::kLandsLater);
  EXPECT_THAT(Replace(kms, "1", "X"), StatusIs(Code::kUnavailable));
  EXPECT_THAT(Replace(kms, "1", "K1"), IsOk());
  kms.LandLateWrites();
  EXPECT_EQ(kms.CurrentForTest("v"), "X");
}

TEST_F(FakeKmsTest, AStoppedCallerIsDeadUntilItsRestart) {
  FakeKms kms;
  kms.FailWrite(1, KmsFault::kStops);
  EXPECT_THAT(Create(kms, "K0"), StatusIs(Code::kUnavailable));
  EXPECT_THAT(kms.Fetch(context_, "v"), StatusIs(Code::kUnavailable));
  kms.Restart();
  EXPECT_THAT(kms.Fetch(context_, "v"), IsOk());
}

TEST_F(FakeKmsTest, FrozenReadsAreStale) {
  FakeKms kms;
  kms.FreezeReads();
  EXPECT_THAT(Create(kms, "K0"), IsOk());
  EXPECT_THAT(kms.Fetch(context_, "v"), StatusIs(Code::kNotFound));
  kms.ThawReads();
  EXPECT_THAT(kms.Fetch(context_, "v"), IsOk());
}

TEST_F(FakeKmsTest, DownAndDeniedAreTwoErrors) {
  FakeKms kms;
  kms.SetDenied(true);
  EXPECT_THAT(Create(kms, "K0"), StatusIs(Code::kPermissionDenied));
  kms.SetDown(true);
  EXPECT_THAT(Create(kms, "K0"), StatusIs(Code::kUnavailable));
  EXPECT_EQ(kms.CurrentForTest("v"), "");
}

TEST_F(FakeKmsTest, CountsCallsAndFailsTheOneNamed) {
  FakeKms kms;
  kms.FailCall(2, KmsFault::kDenied);
  EXPECT_THAT(kms.Fetch(context_, "v"), StatusIs(Code::kNotFound));
  EXPECT_THAT(Create(kms, "K0"), StatusIs(Code::kPermissionDenied));
  EXPECT_THAT(Create(kms, "K0"), IsOk());
  EXPECT_EQ(kms.calls(), 3);
  EXPECT_EQ(kms.writes(), 2);
  EXPECT_EQ(kms.calls("Create"), 2);
  EXPECT_EQ(kms.calls("Remove"), 0);
}

TEST(FakeWrappingKmsTest, RotatesPrunesAndFails) {
  FakeWrappingKms kms;
  const Context context = Context::Background();
  ASSERT_OK_AND_ASSIGN(const std::string wrapped, kms.WrapDek(context, "v", Secret("K0")));
  kms.RotateKek();
  EXPECT_THAT(kms.UnwrapDek(context, "v", wrapped), IsOk());
  kms.PruneKek(1);
  EXPECT_THAT(kms.UnwrapDek(context, "v", wrapped), StatusIs(Code::kNotFound));
  kms.SetDenied(true);
  EXPECT_THAT(kms.WrapDek(context, "v", Secret("K0")), StatusIs(Code::kPermissionDenied));
  kms.SetDown(true);
  EXPECT_THAT(kms.WrapDek(context, "v", Secret("K0")), StatusIs(Code::kUnavailable));
  EXPECT_EQ(kms.wraps(), 3);
  EXPECT_EQ(kms.unwraps(), 2);
}

}  // namespace
}  // namespace rbdcrypt::testing
