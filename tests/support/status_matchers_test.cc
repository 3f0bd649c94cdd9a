// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/support/status_matchers.h"

#include <memory>

#include <gtest/gtest.h>

namespace rbdcrypt::testing {
namespace {

using ::testing::DescribeMatcher;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pointee;

TEST(StatusMatchersTest, IsOkTakesStatusAndResult) {
  EXPECT_THAT(OkStatus(), IsOk());
  EXPECT_THAT(Result<int>(1), IsOk());
  EXPECT_THAT(Aborted("lost"), Not(IsOk()));
  EXPECT_THAT(Result<int>(Aborted("lost")), Not(IsOk()));
}

TEST(StatusMatchersTest, IsOkAndHoldsLooksAtTheValue) {
  EXPECT_THAT(Result<int>(7), IsOkAndHolds(7));
  EXPECT_THAT(Result<int>(7), IsOkAndHolds(Gt(6)));
  EXPECT_THAT(Result<int>(7), Not(IsOkAndHolds(8)));
  EXPECT_THAT(Result<int>(Aborted("lost")), Not(IsOkAndHolds(7)));
  EXPECT_THAT(Result<std::string>("text"), IsOkAndHolds("text"));
  EXPECT_THAT(Result<std::unique_ptr<int>>(std::make_unique<int>(7)), IsOkAndHolds(Pointee(7)));
}

TEST(StatusMatchersTest, StatusIsLooksAtCodeAndText) {
  EXPECT_THAT(Aborted("lost the race"), StatusIs(Code::kAborted));
  EXPECT_THAT(Aborted("lost the race"), StatusIs(Code::kAborted, HasSubstr("race")));
  EXPECT_THAT(Aborted("lost the race"), Not(StatusIs(Code::kAborted, "lost")));
  EXPECT_THAT(Aborted("lost the race"), Not(StatusIs(Code::kInternal)));
  EXPECT_THAT(Result<int>(7), StatusIs(Code::kOk));
  EXPECT_THAT(Result<int>(Aborted("lost")), Not(StatusIs(Code::kInternal, "lost")));
}

TEST(StatusMatchersTest, FailureSaysWhatWasWantedAndWhatCame) {
  const ::testing::Matcher<Status> matcher = StatusIs(Code::kAborted, HasSubstr("race"));
  EXPECT_EQ(DescribeMatcher<Status>(matcher), "is ABORTED with a text that has substring \"race\"");
  ::testing::StringMatchResultListener listener;
  EXPECT_FALSE(matcher.MatchAndExplain(NotFound("gone"), &listener));
  EXPECT_THAT(listener.str(), HasSubstr("NOT_FOUND: gone"));
}

}  // namespace
}  // namespace rbdcrypt::testing
