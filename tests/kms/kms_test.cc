// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/kms.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::kms {
namespace {

using testing::IsOk;

TEST(KmsTest, NewDekIsUrlSafePaddedBase64) {
  ASSERT_OK_AND_ASSIGN(const Secret dek, NewDek(20));
  const std::string_view text = dek.RevealText();
  ASSERT_EQ(text.size(), 28U);
  EXPECT_EQ(text.back(), '=');
  EXPECT_EQ(
      text.substr(0, 27).find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                           "0123456789-_"),
      std::string_view::npos);
}

TEST(KmsTest, NewDekOf32BytesHas44Characters) {
  ASSERT_OK_AND_ASSIGN(const Secret dek, NewDek(32));
  EXPECT_EQ(dek.size(), 44U);
}

TEST(KmsTest, TwoDeksDiffer) {
  ASSERT_OK_AND_ASSIGN(const Secret one, NewDek(20));
  ASSERT_OK_AND_ASSIGN(const Secret two, NewDek(20));
  EXPECT_FALSE(SameSecret(one, two));
}

}  // namespace
}  // namespace rbdcrypt::kms
