// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/health.h"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace rbdcrypt::testing {
namespace {

using kmip::Health;
using kmip::Verdict;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class HealthTest : public ::testing::Test {
 protected:
  // What the log gets of it.
  std::string Note(std::size_t server, Verdict verdict) {
    const Status status = verdict == Verdict::kFine ? OkStatus() : Unavailable("out of order");
    ::testing::internal::CaptureStderr();
    health_.Note(server, {.status = status, .verdict = verdict}, clock_.Now());
    return ::testing::internal::GetCapturedStderr();
  }

  std::vector<std::size_t> Order() { return health_.OrderFor(clock_.Now()); }

  FakeClock clock_;
  Health health_{{"a:1", "b:1"}, seconds(30)};
};

TEST_F(HealthTest, WhatAnotherServerNeedNotHaveCountsAsItsFailure) {
  for (const Verdict verdict : {Verdict::kTransient, Verdict::kUnreachable, Verdict::kMalformed,
                                Verdict::kRefused, Verdict::kNotNow}) {
    Note(0, verdict);
    EXPECT_THAT(Order(), ElementsAre(1, 0));
    Note(1, verdict);
    EXPECT_THAT(Order(), ElementsAre(0, 1));
  }
}

TEST_F(HealthTest, WhatSaysNothingOfItChangesNothing) {
  for (const Verdict verdict : {Verdict::kFine, Verdict::kFinal, Verdict::kGivenUp,
                                Verdict::kAmbiguous, Verdict::kRenegotiate}) {
    EXPECT_THAT(Note(0, verdict), IsEmpty());
    EXPECT_THAT(Order(), ElementsAre(0, 1));
  }
}

TEST_F(HealthTest, AnErrorThatTheServerStandsByIsASuccessOfIts) {
  Note(0, Verdict::kUnreachable);
  EXPECT_THAT(Note(1, Verdict::kFinal),
              HasSubstr("level=warn event=kmip_failover from=a:1 to=b:1 error=\"out of order\""));
}

TEST_F(HealthTest, ARefusalIsLoggedOnceUntilTheServerTakesUs) {
  EXPECT_THAT(Note(0, Verdict::kRefused),
              HasSubstr("event=kmip_server_refused server=a:1 error=\"out of order\""));
  EXPECT_THAT(Note(0, Verdict::kRefused), IsEmpty());
  EXPECT_THAT(Note(0, Verdict::kUnreachable), IsEmpty());
  EXPECT_THAT(Note(0, Verdict::kRefused), IsEmpty());
  Note(0, Verdict::kFine);
  EXPECT_THAT(Note(0, Verdict::kRefused), HasSubstr("kmip_server_refused"));
}

}  // namespace
}  // namespace rbdcrypt::testing
