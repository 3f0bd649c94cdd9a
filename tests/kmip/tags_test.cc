// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/tags.h"

#include <gtest/gtest.h>

namespace rbdcrypt::kmip {
namespace {

TEST(TagsTest, NamesAreThoseOfTheSpecification) {
  EXPECT_EQ(NameOf(Tag::kIvCounterNonce), "IV/Counter/Nonce");
  EXPECT_EQ(NameOf(Tag::kTemplateAttribute), "Template-Attribute");
  EXPECT_EQ(NameOf(Tag::kAttributeReference), "Attribute Reference");
  EXPECT_EQ(NameOf(Operation::kGetAttributes), "Get Attributes");
  EXPECT_EQ(NameOf(Operation::kDecrypt), "Decrypt");
  EXPECT_EQ(NameOf(State::kPreActive), "Pre-Active");
  EXPECT_EQ(NameOf(State::kDestroyedCompromised), "Destroyed Compromised");
}

TEST(TagsTest, WhatIsNotInTheTableIsNamedByItsNumber) {
  EXPECT_EQ(NameOf(static_cast<Tag>(0x54AB01)), "0x54ab01");
  EXPECT_EQ(NameOf(static_cast<Operation>(0x2F)), "0x2f");
  EXPECT_EQ(NameOf(static_cast<State>(0x80000001)), "0x80000001");
}

}  // namespace
}  // namespace rbdcrypt::kmip
