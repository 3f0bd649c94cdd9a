// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/status.h"

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

TEST(StatusTest, EveryMakerGivesItsCodeItsTextAndItsCallSite) {
  const std::vector<std::pair<Status, Code>> made = {
      {InvalidArgument("t"), Code::kInvalidArgument},
      {Unauthenticated("t"), Code::kUnauthenticated},
      {PermissionDenied("t"), Code::kPermissionDenied},
      {NotFound("t"), Code::kNotFound},
      {Unavailable("t"), Code::kUnavailable},
      {DataLoss("t"), Code::kDataLoss},
      {AlreadyExists("t"), Code::kAlreadyExists},
      {Aborted("t"), Code::kAborted},
      {FailedPrecondition("t"), Code::kFailedPrecondition},
      {OutOfRange("t"), Code::kOutOfRange},
      {ResourceExhausted("t"), Code::kResourceExhausted},
      {DeadlineExceeded("t"), Code::kDeadlineExceeded},
      {Cancelled("t"), Code::kCancelled},
      {Unimplemented("t"), Code::kUnimplemented},
      {Internal("t"), Code::kInternal},
  };
  for (const auto& [status, code] : made) {
    EXPECT_THAT(status, StatusIs(code, "t"));
    EXPECT_THAT(Where(status), MatchesRegex(".*status_test\\.cc:[0-9]+"));
  }
}

TEST(StatusTest, OkCarriesNoCallSite) {
  EXPECT_EQ(Where(MakeStatus(Code::kOk, "")), "");
  EXPECT_EQ(Where(absl::InternalError("made elsewhere")), "");
}

TEST(StatusTest, ErrnoBecomesItsCodeAndItsWords) {
  const std::vector<std::pair<int, Code>> errors = {
      {ENOENT, Code::kNotFound},          {EEXIST, Code::kAlreadyExists},
      {EACCES, Code::kPermissionDenied},  {EPERM, Code::kPermissionDenied},
      {EBUSY, Code::kFailedPrecondition}, {EINTR, Code::kUnavailable},
      {EAGAIN, Code::kUnavailable},       {ETIMEDOUT, Code::kUnavailable},
      {ESHUTDOWN, Code::kUnavailable},    {ENOSPC, Code::kResourceExhausted},
      {EINVAL, Code::kInvalidArgument},   {ERANGE, Code::kOutOfRange},
      {EILSEQ, Code::kDataLoss},          {EIO, Code::kInternal},
  };
  for (const auto& [error, code] : errors) {
    EXPECT_THAT(FromErrno(error, "open x"), StatusIs(code, StartsWith("open x: "))) << error;
  }
  EXPECT_EQ(Message(FromErrno(ENOENT, "open x")), "open x: No such file or directory");
}

TEST(StatusTest, OnlyWhatMayPassByItselfIsTransient) {
  for (const Code code :
       {Code::kUnavailable, Code::kAborted, Code::kDeadlineExceeded, Code::kCancelled}) {
    EXPECT_TRUE(IsTransient(MakeStatus(code, "t"))) << CodeName(code);
  }
  for (const Code code : {Code::kOk, Code::kNotFound, Code::kUnauthenticated, Code::kDataLoss,
                          Code::kPermissionDenied, Code::kResourceExhausted, Code::kInternal}) {
    EXPECT_FALSE(IsTransient(MakeStatus(code, "t"))) << CodeName(code);
  }
}

TEST(StatusTest, CodeNamesAreThoseOfGrpc) {
  EXPECT_EQ(CodeName(Code::kOk), "OK");
  EXPECT_EQ(CodeName(Code::kFailedPrecondition), "FAILED_PRECONDITION");
  EXPECT_EQ(CodeName(Code::kUnauthenticated), "UNAUTHENTICATED");
}

TEST(StatusTest, AnnotateKeepsCodeAndInnermostCallSite) {
  const Status inner = Aborted("version 7 is stored");
  const Status outer = Annotate(Annotate(inner, "write header"), "rotate pool/image");

  EXPECT_THAT(outer,
              StatusIs(Code::kAborted, "rotate pool/image: write header: version 7 is stored"));
  EXPECT_EQ(Where(outer), Where(inner));
  EXPECT_THAT(Annotate(OkStatus(), "anything"), IsOk());
}

Status FailIfOdd(int number) {
  RETURN_IF_ERROR(number % 2 == 0 ? OkStatus() : InvalidArgument("odd"));
  return OkStatus();
}

TEST(StatusTest, ReturnIfErrorReturnsOnlyErrors) {
  EXPECT_THAT(FailIfOdd(2), IsOk());
  EXPECT_THAT(FailIfOdd(3), StatusIs(Code::kInvalidArgument, "odd"));
}

Result<std::unique_ptr<int>> Half(int number) {
  RETURN_IF_ERROR(FailIfOdd(number));
  return std::make_unique<int>(number / 2);
}

Result<int> Quarter(int number) {
  ASSIGN_OR_RETURN(std::unique_ptr<int> half, Half(number));
  ASSIGN_OR_RETURN(const auto quarter, Half(*half));
  return *quarter;
}

TEST(StatusTest, AssignOrReturnMovesValuesAndReturnsErrors) {
  EXPECT_THAT(Quarter(12), IsOkAndHolds(3));
  EXPECT_THAT(Quarter(6), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(Quarter(5), StatusIs(Code::kInvalidArgument));
}

TEST(StatusDeathTest, BrokenInvariantAbortsAndSaysWhich) {
  const int answer = 42;
  EXPECT_DEATH(RBDCRYPT_CHECK(answer == 41), "status_test.cc:[0-9]+: check failed: answer == 41");
  RBDCRYPT_CHECK(answer == 42);
}

}  // namespace
}  // namespace rbdcrypt
