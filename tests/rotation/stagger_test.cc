// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/stagger.h"

#include <array>

#include <gtest/gtest.h>

#include "base/strings.h"

namespace rbdcrypt::rotation {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

// csi-and-addons 3.2, "Test values".
constexpr std::string_view kUid = "00000000-0000-0000-0000-000000000001";

TEST(StaggerTest, TheHashIsFnv1a) {
  EXPECT_EQ(Fnv1a32(""), 0x811c9dc5U);
  EXPECT_EQ(Fnv1a32("a"), 0xe40c292cU);
  EXPECT_EQ(Fnv1a32(kUid), 0xbd478d3eU);
  // Bytes count from 0 to 255: draft-eastlake-fnv, test vector of "\xff\x00\x00\x01".
  EXPECT_EQ(Fnv1a32(std::string_view("\xff\x00\x00\x01", 4)), 0xc48fb86dU);
}

TEST(StaggerTest, TheOffsetIsThatOfCsiAddons) {
  EXPECT_EQ(StaggerOffset(kUid, hours(2), hours(168)), seconds(1438));
  EXPECT_EQ(StaggerOffset(kUid, hours(2), seconds(60)), seconds(58));
  EXPECT_EQ(StaggerOffset(kUid, seconds(60), hours(2)), seconds(58));
}

TEST(StaggerTest, WithoutRoomThereIsNoOffset) {
  EXPECT_EQ(StaggerOffset(kUid, seconds(0), hours(1)), seconds(0));
  EXPECT_EQ(StaggerOffset(kUid, hours(-1), hours(1)), seconds(0));
  EXPECT_EQ(StaggerOffset(kUid, hours(2), seconds(0)), seconds(0));
  EXPECT_EQ(StaggerOffset(kUid, hours(2), seconds(1)), seconds(0));
}

// Ten thousand volumes, twelve parts of ten minutes: some 833 each.
TEST(StaggerTest, ManyVolumesAreSpreadEvenly) {
  std::array<int, 12> parts = {};
  for (int n = 0; n < 10'000; ++n) {
    const std::string uid = Cat("7c9e6679-7425-40de-944b-", 100'000'000'000 + 7919 * n);
    const seconds offset = StaggerOffset(uid, hours(2), hours(168));
    ASSERT_GE(offset, seconds(0));
    ASSERT_LT(offset, hours(2));
    ++parts[static_cast<std::size_t>(offset / seconds(600))];
  }
  for (const int count : parts) {
    EXPECT_GT(count, 700);
    EXPECT_LT(count, 970);
  }
}

}  // namespace
}  // namespace rbdcrypt::rotation
