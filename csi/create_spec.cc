// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/create_spec.h"

#include <utility>

namespace rbdcrypt::csi {
namespace {

std::map<std::string, std::string> Labels(const Parameters& parameters,
                                          const LabelOptions& options) {
  std::map<std::string, std::string> labels;
  if (!options.set_metadata) {
    return labels;
  }
  for (const std::string_view key : {kPvNameKey, kPvcNameKey, kPvcNamespaceKey}) {
    if (const auto found = parameters.find(key); found != parameters.end()) {
      labels.insert(*found);
    }
  }
  if (!options.cluster_name.empty()) {
    labels.emplace(kClusterNameLabel, options.cluster_name);
  }
  return labels;
}

rbd::ImageLayout Layout(const StorageClass& storage_class, std::uint64_t size_bytes) {
  return {.size_bytes = size_bytes,
          .features = storage_class.features,
          .data_pool = storage_class.data_pool,
          .stripe_unit_bytes = storage_class.stripe_unit_bytes,
          .stripe_count = storage_class.stripe_count,
          .object_size_bytes = storage_class.object_size_bytes};
}

// Topology decides only where the request has a wish, as in ceph-csi; the journal stays in `pool`.
Status PlaceVolume(const StorageClass& storage_class, const TopologyWish& wish, CreatePlan& plan) {
  plan.spec.pool = storage_class.pool;
  plan.spec.journal_pool = storage_class.pool;
  if (storage_class.topology_pools.empty()) {
    return OkStatus();
  }
  if (wish.empty()) {
    return plan.spec.pool.empty()
               ? InvalidArgument(
                     "pool: is missing, and the request has no accessibility_requirements to "
                     "choose one of topologyConstrainedPools by")
               : OkStatus();
  }
  ASSIGN_OR_RETURN(TopologyChoice choice, ChoosePool(storage_class.topology_pools, wish));
  plan.spec.pool = choice.pool->pool;
  plan.spec.layout.data_pool = choice.pool->data_pool;
  plan.accessible_topology = std::move(choice.segments);
  return OkStatus();
}

}  // namespace

Result<CreatePlan> PlanVolume(const NewVolume& volume, const LabelOptions& labels) {
  ASSIGN_OR_RETURN(StorageClass storage_class, ReadStorageClass(volume.parameters));
  ASSIGN_OR_RETURN(const std::uint64_t size_bytes, VolumeSizeBytes(volume.range));
  CreatePlan plan;
  plan.spec.request_name = volume.request_name;
  plan.spec.cluster_id = storage_class.cluster_id;
  plan.spec.name_prefix = storage_class.name_prefix;
  plan.spec.layout = Layout(storage_class, size_bytes);
  plan.spec.limit_bytes = static_cast<std::uint64_t>(volume.range.limit_bytes);
  plan.spec.labels = Labels(volume.parameters, labels);
  if (const auto pvc = volume.parameters.find(kPvcNameKey); pvc != volume.parameters.end()) {
    plan.spec.pvc = pvc->second;
  }
  if (const auto owner = volume.parameters.find(kPvcNamespaceKey);
      owner != volume.parameters.end()) {
    plan.spec.owner = owner->second;
  }
  RETURN_IF_ERROR(PlaceVolume(storage_class, volume.topology, plan));
  if (storage_class.node.encryption) {
    RETURN_IF_ERROR(CheckEncryptedSize(size_bytes));
  }
  plan.spec.encryption = std::move(storage_class.node.encryption);
  return plan;
}

Parameters VolumeContext(const rbd::CreatedVolume& created,
                         const std::string& data_pool,
                         const Parameters& parameters) {
  Parameters context;
  for (const auto& [key, value] : parameters) {
    if (key != kTopologyPoolsParameter && !key.starts_with(kSidecarPrefix)) {
      context.emplace(key, value);
    }
  }
  context.emplace(kPoolParameter, created.pool);
  context.emplace(kJournalPoolKey, created.journal_pool);
  context.emplace(kImageNameKey, created.image_name);
  if (!created.rados_namespace.empty()) {
    context.emplace(kRadosNamespaceParameter, created.rados_namespace);
  }
  if (!data_pool.empty()) {
    context.emplace(kDataPoolParameter, data_pool);
  }
  return context;
}

}  // namespace rbdcrypt::csi
