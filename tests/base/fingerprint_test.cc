// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/fingerprint.h"

#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace rbdcrypt::testing {
namespace {

std::string Of(std::string_view first, std::string_view second) {
  Fingerprint print;
  print.Add(first).Add(Secret(second));
  return std::move(print).Take();
}

TEST(FingerprintTest, SameFieldsHaveTheSameOneAndFieldsDoNotRunTogether) {
  EXPECT_EQ(Of("ab", "c"), Of("ab", "c"));
  EXPECT_NE(Of("ab", "c"), Of("a", "bc"));
  EXPECT_EQ(Of("ab", "c").size(), 64U);
}

}  // namespace
}  // namespace rbdcrypt::testing
