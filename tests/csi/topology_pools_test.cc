// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/topology_pools.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::csi {
namespace {

using rbdcrypt::testing::StatusIs;
using ::testing::HasSubstr;

constexpr char kTwoPools[] = R"([
 {"poolName": "near-a", "dataPool": "data-a",
  "domainSegments": [{"domainLabel": "region", "value": "east"},
                     {"domainLabel": "zone", "value": "a"}]},
 {"poolName": "near-b",
  "domainSegments": [{"domainLabel": "zone", "value": "b"}]}
])";

TopologySegments Zone(const std::string& zone) {
  return {{"topology.rbd.csi.ceph.com/zone", zone}, {"topology.rbd.csi.ceph.com/region", "east"}};
}

TEST(TopologyPoolsTest, ReadsPools) {
  ASSERT_OK_AND_ASSIGN(const std::vector<TopologyPool> pools, ParseTopologyPools(kTwoPools));
  ASSERT_EQ(pools.size(), 2U);
  EXPECT_EQ(pools[0].pool, "near-a");
  EXPECT_EQ(pools[0].data_pool, "data-a");
  EXPECT_EQ(pools[0].domain.at("zone"), "a");
  EXPECT_EQ(pools[1].data_pool, "");
}

TEST(TopologyPoolsTest, PreferredComesBeforeRequisite) {
  ASSERT_OK_AND_ASSIGN(const auto pools, ParseTopologyPools(kTwoPools));
  ASSERT_OK_AND_ASSIGN(
      const TopologyChoice choice,
      ChoosePool(pools, {.preferred = {Zone("c"), Zone("b")}, .requisite = {Zone("a")}}));
  EXPECT_EQ(choice.pool->pool, "near-b");
  EXPECT_EQ(choice.segments, Zone("b"));
}

TEST(TopologyPoolsTest, EverySegmentOfAPoolMustFit) {
  ASSERT_OK_AND_ASSIGN(const auto pools, ParseTopologyPools(kTwoPools));
  EXPECT_THAT(ChoosePool(pools, {.preferred = {{{"x/zone", "a"}, {"x/region", "west"}}},
                                 .requisite = {{{"zone", "c"}}}}),
              StatusIs(Code::kResourceExhausted));
}

TEST(TopologyPoolsTest, LabelsWithoutPrefixFit) {
  ASSERT_OK_AND_ASSIGN(const auto pools, ParseTopologyPools(kTwoPools));
  ASSERT_OK_AND_ASSIGN(const TopologyChoice choice,
                       ChoosePool(pools, {.preferred = {}, .requisite = {{{"zone", "b"}}}}));
  EXPECT_EQ(choice.pool->pool, "near-b");
}

TEST(TopologyPoolsTest, MalformedTextNamesTheParameter) {
  for (const char* text :
       {"", "{}", "[1]", R"([{"poolName":"p"}])", R"([{"poolName":"","domainSegments":[]}])",
        R"([{"poolName":"p","domainSegments":[{"domainLabel":"zone"}]}])",
        R"([{"poolName":7,"domainSegments":[]}])"}) {
    EXPECT_THAT(ParseTopologyPools(text),
                StatusIs(Code::kInvalidArgument, HasSubstr("topologyConstrainedPools")))
        << text;
  }
}

}  // namespace
}  // namespace rbdcrypt::csi
