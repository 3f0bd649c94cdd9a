// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/blank_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rbd/luks/layout.h"
#include "tests/luks/luks_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd::luks {
namespace {

TEST(BlankHeaderTest, IsAWholeHeaderWithoutKeyslots) {
  ASSERT_OK_AND_ASSIGN(std::vector<std::byte> copies,
                       ComposeBlankHeader({}, std::string(kUuid), Secret(64), 41));
  const Inspection found = Inspect(std::move(copies));
  ASSERT_EQ(found.state, HeaderState::kLuks2) << found.problem;
  EXPECT_EQ(found.layout->sequence, 41U);
  EXPECT_EQ(found.layout->uuid, kUuid);
  EXPECT_TRUE(found.layout->metadata.keyslots.empty());
  EXPECT_EQ(found.layout->MetadataBytes(), kDefaultDataOffsetBytes);
  EXPECT_EQ(found.layout->DataOffsetBytes(), kDefaultDataOffsetBytes);
}

TEST(BlankHeaderTest, CopiesDifferInSaltAndHeadersInDigest) {
  ASSERT_OK_AND_ASSIGN(const auto one, ComposeBlankHeader({}, std::string(kUuid), Secret(64), 1));
  ASSERT_OK_AND_ASSIGN(const auto two, ComposeBlankHeader({}, std::string(kUuid), Secret(64), 1));
  EXPECT_NE(JsonOf(one), JsonOf(two));
  const auto salt = [&](std::size_t copy) {
    return std::vector<std::byte>(&one[copy + 104], &one[copy + 168]);
  };
  EXPECT_NE(salt(0), salt(16384));
}

}  // namespace
}  // namespace rbdcrypt::rbd::luks
