// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/reasons.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::kmip {
namespace {

using rbdcrypt::testing::StatusIs;

constexpr std::uint32_t kFailed = 1;

Status Failed(ResultReason reason, std::string_view text = "") {
  return FromReason(Operation::kEncrypt, kFailed, static_cast<std::uint32_t>(reason), text);
}

struct Expected {
  std::uint32_t reason;
  Code code;
  RetryClass retry;
};

TEST(ReasonsTest, EachReasonHasItsCodeAndClass) {
  // kmip.md 13 is their source, number by number.
  constexpr auto kPermanent = RetryClass::kPermanent;
  const std::vector<Expected> expected = {
      {0x01, Code::kNotFound, kPermanent},
      {0x02, Code::kInternal, kPermanent},
      {0x03, Code::kPermissionDenied, kPermanent},
      {0x04, Code::kInternal, RetryClass::kRenegotiate},
      {0x05, Code::kUnimplemented, kPermanent},
      {0x06, Code::kInvalidArgument, kPermanent},
      {0x07, Code::kInvalidArgument, kPermanent},
      {0x08, Code::kUnimplemented, kPermanent},
      {0x09, Code::kInternal, kPermanent},
      {0x0A, Code::kDataLoss, kPermanent},
      {0x0B, Code::kFailedPrecondition, kPermanent},
      {0x0C, Code::kPermissionDenied, kPermanent},
      {0x0D, Code::kFailedPrecondition, kPermanent},
      {0x10, Code::kInvalidArgument, kPermanent},
      {0x11, Code::kInvalidArgument, kPermanent},
      {0x12, Code::kInvalidArgument, kPermanent},
      {0x13, Code::kFailedPrecondition, kPermanent},
      {0x16, Code::kPermissionDenied, kPermanent},
      {0x17, Code::kPermissionDenied, kPermanent},
      {0x1A, Code::kFailedPrecondition, kPermanent},
      {0x24, Code::kInvalidArgument, kPermanent},
      {0x26, Code::kInternal, RetryClass::kRenegotiate},
      {0x29, Code::kFailedPrecondition, kPermanent},
      {0x2A, Code::kUnavailable, RetryClass::kTransient},
      {0x34, Code::kInvalidArgument, kPermanent},
      {0x37, Code::kNotFound, kPermanent},
      {0x39, Code::kPermissionDenied, kPermanent},
      {0x3A, Code::kUnavailable, RetryClass::kTransient},
      {0x3D, Code::kInternal, RetryClass::kRenegotiate},
      {0x3E, Code::kInvalidArgument, kPermanent},
      {0x3F, Code::kFailedPrecondition, RetryClass::kRenegotiate},
      {0x43, Code::kFailedPrecondition, kPermanent},
      {0x44, Code::kUnavailable, RetryClass::kTransient},
      {0x100, Code::kInternal, RetryClass::kAmbiguous},
  };
  for (const Expected& one : expected) {
    const Status status = FromReason(Operation::kGet, kFailed, one.reason, "");
    EXPECT_THAT(status, StatusIs(one.code)) << one.reason;
    EXPECT_EQ(RetryClassOf(status), one.retry) << one.reason;
    EXPECT_EQ(ReasonOf(status), static_cast<ResultReason>(one.reason));
  }
}

TEST(ReasonsTest, ATransientReasonIsTransientToEverybody) {
  for (std::uint32_t reason = 0; reason <= 0x100; ++reason) {
    const ReasonRow* row = FindReason(reason);
    if (row != nullptr) {
      EXPECT_EQ(static_cast<std::uint32_t>(row->reason), reason);
      EXPECT_EQ(row->retry == RetryClass::kTransient,
                IsTransient(FromReason(Operation::kGet, kFailed, reason, "")))
          << row->name;
    }
  }
}

TEST(ReasonsTest, TheTextNamesOperationReasonAndWhatTheServerSays) {
  EXPECT_EQ(Message(Failed(ResultReason::kItemNotFound, "Could not locate object: 999")),
            "KMIP Encrypt: Item Not Found (0x01): Could not locate object: 999");
  EXPECT_EQ(Message(Failed(ResultReason::kGeneralFailure)),
            "KMIP Encrypt: General Failure (0x0100)");
  EXPECT_EQ(Message(FromReason(Operation::kGetAttributes, kFailed, std::nullopt, "sorry")),
            "KMIP Get Attributes: failed without a reason: sorry");
  EXPECT_EQ(Message(FromReason(Operation::kGet, kFailed, 0x8000BEEF, "")),
            "KMIP Get: reason 0x8000beef");
}

TEST(ReasonsTest, WhatTheServerSaysIsShortAndPrintable) {
  const std::string text = Message(Failed(ResultReason::kGeneralFailure, std::string(9000, 'x')));
  EXPECT_EQ(text, "KMIP Encrypt: General Failure (0x0100): " + std::string(200, 'x'));
  EXPECT_EQ(Message(Failed(ResultReason::kGeneralFailure, "\x1b]0;title\x07 a\nb\xff")),
            "KMIP Encrypt: General Failure (0x0100): ]0;title  a b");
}

TEST(ReasonsTest, WhatIsNotInTheTableMayPassOnce) {
  const Status unknown = FromReason(Operation::kGet, kFailed, 0x8000BEEF, "");
  EXPECT_THAT(unknown, StatusIs(Code::kInternal));
  EXPECT_EQ(RetryClassOf(unknown), RetryClass::kAmbiguous);
  EXPECT_EQ(ReasonOf(unknown), static_cast<ResultReason>(0x8000BEEF));
  const Status none = FromReason(Operation::kGet, kFailed, std::nullopt, "");
  EXPECT_THAT(none, StatusIs(Code::kInternal));
  EXPECT_EQ(RetryClassOf(none), RetryClass::kPermanent);
  EXPECT_EQ(ReasonOf(none), std::nullopt);
}

TEST(ReasonsTest, OtherStatusesThanFailedAreNoReason) {
  const auto not_found = static_cast<std::uint32_t>(ResultReason::kItemNotFound);
  const Status pending = FromReason(Operation::kGet, 2, not_found, "wait");
  EXPECT_THAT(pending,
              StatusIs(Code::kInternal,
                       "KMIP Get: Operation Pending, though it was to be done at once: wait"));
  EXPECT_EQ(ReasonOf(pending), std::nullopt);
  EXPECT_THAT(FromReason(Operation::kGet, 3, not_found, ""),
              StatusIs(Code::kInternal, "KMIP Get: Operation Undone"));
  EXPECT_THAT(FromReason(Operation::kGet, 77, not_found, ""),
              StatusIs(Code::kInternal, "KMIP Get: Result Status 0x4d"));
}

TEST(ReasonsTest, ReasonsSurviveAnnotations) {
  const Status status = Annotate(Failed(ResultReason::kServerLimitExceeded), "wrap the DEK");
  EXPECT_EQ(ReasonOf(status), ResultReason::kServerLimitExceeded);
  EXPECT_EQ(RetryClassOf(status), RetryClass::kTransient);
}

TEST(ReasonsTest, ErrorsOfOursHaveNone) {
  EXPECT_EQ(ReasonOf(Unavailable("connection lost")), std::nullopt);
  EXPECT_EQ(RetryClassOf(Unavailable("connection lost")), RetryClass::kPermanent);
  EXPECT_EQ(ReasonOf(OkStatus()), std::nullopt);
}

}  // namespace
}  // namespace rbdcrypt::kmip
