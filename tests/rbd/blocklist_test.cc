// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/blocklist.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rbdcrypt::rbd {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// As Ceph 16.2.15 prints it.
TEST(BlocklistTest, AddressIsTheFirstWordOfALine) {
  EXPECT_THAT(ParseBlocklist("[fd00::1]:0/12345 2026-11-23T00:46:05.528743+0000\n"
                             "127.0.0.1:0/12345 2026-11-23T00:46:05.474505+0000\n"
                             "v1:10.0.0.1:0/7 2026-11-23T00:46:05.474505+0000\n"),
              UnorderedElementsAre("[fd00::1]:0/12345", "127.0.0.1:0/12345", "10.0.0.1:0/7"));
}

TEST(BlocklistTest, RangesAreLeftOut) {
  EXPECT_THAT(ParseBlocklist("cidr:10.0.0.0/24 2026-11-23T00:46:05.528743+0000\n"), IsEmpty());
}

TEST(BlocklistTest, NobodyIsNobody) {
  EXPECT_THAT(ParseBlocklist(""), IsEmpty());
  EXPECT_THAT(ParseBlocklist("\n\n"), IsEmpty());
}

}  // namespace
}  // namespace rbdcrypt::rbd
