// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace rbdcrypt::csi {

// The segments of one CSI Topology: "topology.rbd.csi.ceph.com/zone" -> "a".
using TopologySegments = std::map<std::string, std::string>;

// A TopologyRequirement, in the caller's order.
struct TopologyWish {
  std::vector<TopologySegments> preferred;
  std::vector<TopologySegments> requisite;

  bool empty() const { return preferred.empty() && requisite.empty(); }
};

// A pool that is near one part of the cluster.
struct TopologyPool {
  std::string pool;
  std::string data_pool;
  // Label without prefix -> value.
  std::map<std::string, std::string> domain;
};

// Which pool, and the segments that led to it.
struct TopologyChoice {
  const TopologyPool* pool = nullptr;
  TopologySegments segments;
};

// Reads topologyConstrainedPools (ceph-csi-compat 4.1): a JSON array of objects with poolName,
// dataPool and domainSegments, an array of domainLabel and value; line breaks count as blanks.
// kInvalidArgument names the field.
Result<std::vector<TopologyPool>> ParseTopologyPools(std::string_view text);

// The first pool of which every domain segment is in the wish: preferred topologies first, then
// requisite, each in order. Prefixes of the wish's labels ("topology.…/") are not compared.
// kResourceExhausted: none; the sidecar then tries another node.
Result<TopologyChoice> ChoosePool(const std::vector<TopologyPool>& pools, const TopologyWish& wish);

}  // namespace rbdcrypt::csi
