// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/ceph_errors.h"

#include <cerrno>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(CephErrorsTest, FencedClientIsAbortedAndSaysSo) {
  EXPECT_THAT(FromRados(-ESHUTDOWN, "write image rbd/a"),
              StatusIs(Code::kAborted, AllOf(HasSubstr("rbd/a"), HasSubstr("fenced"))));
}

TEST(CephErrorsTest, SilentClusterIsUnavailable) {
  EXPECT_THAT(FromRados(-ETIMEDOUT, "x"), StatusIs(Code::kUnavailable, HasSubstr("in time")));
}

TEST(CephErrorsTest, LostCompareIsAborted) {
  EXPECT_THAT(FromRados(-ECANCELED, "x"), StatusIs(Code::kAborted));
}

TEST(CephErrorsTest, ReadOnlyIsFailedPrecondition) {
  EXPECT_THAT(FromRados(-EROFS, "x"), StatusIs(Code::kFailedPrecondition));
}

TEST(CephErrorsTest, OthersMeanWhatTheyMeanEverywhere) {
  EXPECT_THAT(FromRados(-ENOENT, "open image rbd/a"),
              StatusIs(Code::kNotFound, HasSubstr("open image rbd/a: No such file")));
  EXPECT_THAT(FromRados(-EEXIST, "x"), StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(FromRados(-EACCES, "x"), StatusIs(Code::kPermissionDenied));
  EXPECT_THAT(FromRados(-EBUSY, "x"), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(FromRados(-ENOSPC, "x"), StatusIs(Code::kResourceExhausted));
  EXPECT_THAT(FromRados(-EINVAL, "x"), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(FromRados(-EOPNOTSUPP, "x"), StatusIs(Code::kUnimplemented));
}

TEST(CephErrorsTest, CallSiteIsTheCallers) {
  EXPECT_THAT(Where(FromRados(-ENOENT, "x")), HasSubstr("ceph_errors_test.cc"));
  EXPECT_THAT(Where(FromRados(-ESHUTDOWN, "x")), HasSubstr("ceph_errors_test.cc"));
}

}  // namespace
}  // namespace rbdcrypt::rbd
