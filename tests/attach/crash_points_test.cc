// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/crash_points.h"

#include <set>

#include <gtest/gtest.h>

namespace rbdcrypt::rbd::attach {
namespace {

TEST(CrashPointsTest, NamesAreUniqueAndSayTheirOperation) {
  EXPECT_EQ(std::set(kCrashPoints.begin(), kCrashPoints.end()).size(), kCrashPoints.size());
  for (const std::string_view name : kCrashPoints) {
    EXPECT_TRUE(name.starts_with("attach.") || name.starts_with("detach.") ||
                name.starts_with("grow."))
        << name;
  }
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
