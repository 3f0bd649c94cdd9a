// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/verdict.h"

#include <cstdint>
#include <optional>

#include <gtest/gtest.h>

#include "kmip/reasons.h"
#include "kmip/tags.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using kmip::ResultReason;
using kmip::Verdict;

Status FailureOf(std::uint32_t reason) {
  return kmip::FromReason(kmip::Operation::kDecrypt, 1, reason, "why");
}

Verdict VerdictOfReason(ResultReason reason) {
  return kmip::VerdictOf(FailureOf(static_cast<std::uint32_t>(reason)));
}

TEST(VerdictTest, ReasonsOfAServerAreClassedByTheTable) {
  EXPECT_EQ(VerdictOfReason(ResultReason::kItemNotFound), Verdict::kFinal);
  EXPECT_EQ(VerdictOfReason(ResultReason::kPermissionDenied), Verdict::kFinal);
  EXPECT_EQ(VerdictOfReason(ResultReason::kInternalServerError), Verdict::kTransient);
  EXPECT_EQ(VerdictOfReason(ResultReason::kServerLimitExceeded), Verdict::kTransient);
  EXPECT_EQ(VerdictOfReason(ResultReason::kGeneralFailure), Verdict::kAmbiguous);
  EXPECT_EQ(VerdictOfReason(ResultReason::kInvalidMessage), Verdict::kRenegotiate);
  EXPECT_EQ(VerdictOfReason(ResultReason::kUnsupportedProtocolVersion), Verdict::kRenegotiate);
}

TEST(VerdictTest, AServerThatDoesNotKnowUsIsPassedOver) {
  EXPECT_EQ(VerdictOfReason(ResultReason::kAuthenticationNotSuccessful), Verdict::kRefused);
}

TEST(VerdictTest, AReasonThatNobodyKnowsIsAmbiguous) {
  EXPECT_EQ(kmip::VerdictOf(FailureOf(0x80001234)), Verdict::kAmbiguous);
}

TEST(VerdictTest, AFailureWithoutAReasonIsFinal) {
  EXPECT_EQ(kmip::VerdictOf(kmip::FromReason(kmip::Operation::kGet, 1, std::nullopt, "")),
            Verdict::kFinal);
}

TEST(VerdictTest, WithoutAReasonTheCodeDecides) {
  EXPECT_EQ(kmip::VerdictOf(OkStatus()), Verdict::kFine);
  EXPECT_EQ(kmip::VerdictOf(DeadlineExceeded("")), Verdict::kGivenUp);
  EXPECT_EQ(kmip::VerdictOf(Cancelled("")), Verdict::kGivenUp);
  EXPECT_EQ(kmip::VerdictOf(Unavailable("")), Verdict::kUnreachable);
  EXPECT_EQ(kmip::VerdictOf(DataLoss("")), Verdict::kMalformed);
  EXPECT_EQ(kmip::VerdictOf(InvalidArgument("")), Verdict::kRefused);
  EXPECT_EQ(kmip::VerdictOf(FailedPrecondition("")), Verdict::kRefused);
  EXPECT_EQ(kmip::VerdictOf(Internal("")), Verdict::kFinal);
}

TEST(VerdictTest, ItSurvivesAnnotation) {
  const Status status = FailureOf(static_cast<std::uint32_t>(ResultReason::kServerLimitExceeded));
  EXPECT_EQ(kmip::VerdictOf(Annotate(status, "a:1")), Verdict::kTransient);
}

TEST(VerdictTest, AMalformedAnswerIsNoDamageOfAKey) {
  EXPECT_THAT(kmip::ForCaller(DataLoss("why")), StatusIs(Code::kUnavailable, "why"));
  const Status damaged = FailureOf(static_cast<std::uint32_t>(ResultReason::kCryptographicFailure));
  EXPECT_THAT(kmip::ForCaller(damaged), StatusIs(Code::kDataLoss));
  EXPECT_THAT(kmip::ForCaller(OkStatus()), IsOk());
}

}  // namespace
}  // namespace rbdcrypt::testing
