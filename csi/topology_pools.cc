// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/topology_pools.h"

#include <algorithm>

#include "base/json.h"
#include "base/strings.h"
#include "csi/names.h"

namespace rbdcrypt::csi {
namespace {

Result<TopologyPool> ReadPool(const Json& object) {
  const std::string what(kTopologyPoolsParameter);
  TopologyPool pool;
  ASSIGN_OR_RETURN(pool.pool, RequiredString(object, "poolName", what));
  ASSIGN_OR_RETURN(const auto data_pool, OptionalString(object, "dataPool", what));
  pool.data_pool = data_pool.value_or("");
  const auto segments = object.find("domainSegments");
  if (pool.pool.empty() || segments == object.end() || !segments->is_array()) {
    return InvalidArgument(Cat(what, ": an entry lacks poolName or an array domainSegments"));
  }
  for (const Json& segment : *segments) {
    ASSIGN_OR_RETURN(const std::string label, RequiredString(segment, "domainLabel", what));
    ASSIGN_OR_RETURN(const std::string value, RequiredString(segment, "value", what));
    pool.domain[label] = value;
  }
  return pool;
}

bool Matches(const TopologyPool& pool, const TopologySegments& segments) {
  std::map<std::string, std::string> labels;
  for (const auto& [key, value] : segments) {
    const std::size_t slash = key.find('/');
    labels[slash == std::string::npos ? key : key.substr(slash + 1)] = value;
  }
  return std::all_of(pool.domain.begin(), pool.domain.end(), [&](const auto& segment) {
    const auto found = labels.find(segment.first);
    return found != labels.end() && found->second == segment.second;
  });
}

}  // namespace

Result<std::vector<TopologyPool>> ParseTopologyPools(std::string_view text) {
  std::string one_line(text);
  std::replace(one_line.begin(), one_line.end(), '\n', ' ');
  ASSIGN_OR_RETURN(const Json json, ParseJson(one_line, kTopologyPoolsParameter));
  if (!json.is_array()) {
    return InvalidArgument(Cat(kTopologyPoolsParameter, ": is no JSON array"));
  }
  std::vector<TopologyPool> pools;
  for (const Json& object : json) {
    ASSIGN_OR_RETURN(TopologyPool pool, ReadPool(object));
    pools.push_back(std::move(pool));
  }
  return pools;
}

Result<TopologyChoice> ChoosePool(const std::vector<TopologyPool>& pools,
                                  const TopologyWish& wish) {
  for (const auto* list : {&wish.preferred, &wish.requisite}) {
    for (const TopologySegments& segments : *list) {
      const auto found = std::find_if(pools.begin(), pools.end(), [&](const TopologyPool& pool) {
        return Matches(pool, segments);
      });
      if (found != pools.end()) {
        return TopologyChoice{.pool = &*found, .segments = segments};
      }
    }
  }
  return ResourceExhausted(Cat("accessibility_requirements: none of the ", pools.size(),
                               " pools in ", kTopologyPoolsParameter,
                               " is in a topology that was asked for"));
}

}  // namespace rbdcrypt::csi
