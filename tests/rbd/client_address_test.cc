// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/client_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rbdcrypt::rbd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ClientAddressTest, PlainAddressStays) {
  EXPECT_THAT(ParseClientAddresses("127.0.0.1:0/123"), ElementsAre("127.0.0.1:0/123"));
}

TEST(ClientAddressTest, TypeIsDropped) {
  EXPECT_THAT(ParseClientAddresses("v1:127.0.0.1:0/123"), ElementsAre("127.0.0.1:0/123"));
  EXPECT_THAT(ParseClientAddresses("v2:127.0.0.1:0/123"), ElementsAre("127.0.0.1:0/123"));
  EXPECT_THAT(ParseClientAddresses("any:127.0.0.1:0/123"), ElementsAre("127.0.0.1:0/123"));
}

TEST(ClientAddressTest, SameAddressOfTwoTypesIsOne) {
  EXPECT_THAT(ParseClientAddresses("[v2:10.0.0.1:0/7,v1:10.0.0.1:0/7]"),
              ElementsAre("10.0.0.1:0/7"));
}

TEST(ClientAddressTest, ClientOfTwoNetworksHasTwo) {
  EXPECT_THAT(ParseClientAddresses("[v2:10.0.0.1:0/7,v2:[fd00::1]:0/7]"),
              ElementsAre("10.0.0.1:0/7", "[fd00::1]:0/7"));
}

TEST(ClientAddressTest, BracketsOfIpv6Stay) {
  EXPECT_THAT(ParseClientAddresses("[::1]:0/9"), ElementsAre("[::1]:0/9"));
  EXPECT_THAT(ParseClientAddresses("v1:[::1]:0/9"), ElementsAre("[::1]:0/9"));
}

TEST(ClientAddressTest, NoAddressIsNone) {
  EXPECT_THAT(ParseClientAddresses(""), IsEmpty());
  EXPECT_THAT(ParseClientAddresses("-"), IsEmpty());
  EXPECT_THAT(ParseClientAddresses("[]"), IsEmpty());
  EXPECT_THAT(ParseClientAddress("-"), IsEmpty());
}

TEST(ClientAddressTest, FirstOfSeveral) {
  EXPECT_EQ(ParseClientAddress("[v2:10.0.0.1:0/7,v2:10.0.0.2:0/7]"), "10.0.0.1:0/7");
}

}  // namespace
}  // namespace rbdcrypt::rbd
