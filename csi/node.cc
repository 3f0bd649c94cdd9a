// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/node.h"

#include <cstdint>
#include <utility>

#include "csi/caller_secrets.h"
#include "csi/field_rules.h"
#include "csi/sizes.h"
#include "rbd/volume_id.h"

namespace rbdcrypt::csi {
namespace {

namespace pb = ::csi::v1;

Result<VolumeAccess> ReadOfferedCapability(const pb::VolumeCapability& capability) {
  ASSIGN_OR_RETURN(VolumeAccess access, ReadCapability(capability));
  // On a node, what the driver does not do at all is a precondition (CSI 1.12).
  if (const Status offered = CheckOffered(access); !offered.ok()) {
    return FailedPrecondition(Message(offered));
  }
  return access;
}

Result<StageOrder> ReadStageOrder(const pb::NodeStageVolumeRequest& request) {
  StageOrder order;
  order.volume_id = request.volume_id();
  order.staging_path = request.staging_target_path();
  ASSIGN_OR_RETURN(order.access, ReadOfferedCapability(request.volume_capability()));
  const Parameters context(request.volume_context().begin(), request.volume_context().end());
  ASSIGN_OR_RETURN(order.parameters, ReadNodeParameters(context));
  ASSIGN_OR_RETURN(order.static_volume, ReadStaticVolume(context, order.volume_id));
  return order;
}

void AddUsage(pb::VolumeUsage::Unit unit,
              const std::uint64_t (&total_used_available)[3],
              pb::NodeGetVolumeStatsResponse& response) {
  pb::VolumeUsage& usage = *response.add_usage();
  usage.set_unit(unit);
  usage.set_total(static_cast<std::int64_t>(total_used_available[0]));
  usage.set_used(static_cast<std::int64_t>(total_used_available[1]));
  usage.set_available(static_cast<std::int64_t>(total_used_available[2]));
}

void FillUsage(const VolumeUsage& usage, pb::NodeGetVolumeStatsResponse& response) {
  AddUsage(pb::VolumeUsage::BYTES, {usage.total_bytes, usage.used_bytes, usage.available_bytes},
           response);
  if (!usage.is_block) {
    AddUsage(pb::VolumeUsage::INODES,
             {usage.total_inodes, usage.used_inodes, usage.available_inodes}, response);
  }
}

}  // namespace

NodeService::NodeService(Door& door, const NodeParts& parts, NodeIdentity identity)
    : door_(door),
      stage_(parts),
      publish_(parts.host),
      volume_(parts.attachers, parts.host),
      flow_(parts.flow),
      identity_(std::move(identity)) {}

grpc::Status NodeService::NodeStageVolume(grpc::ServerContext* server,
                                          const pb::NodeStageVolumeRequest* request,
                                          pb::NodeStageVolumeResponse* /*response*/) {
  return door_.Pass(*server, {"NodeStageVolume", Admission::kWork, VolumeKey(request->volume_id())},
                    *request, [&](const Context& context) { return Stage(context, *request); });
}

Status NodeService::Stage(const Context& context, const pb::NodeStageVolumeRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  ASSIGN_OR_RETURN(const StageOrder order, ReadStageOrder(request));
  ASSIGN_OR_RETURN(const CallerSecrets secrets, CallerSecrets::Read(request.secrets()));
  return stage_.Stage(context, secrets.caller(), order);
}

grpc::Status NodeService::NodeUnstageVolume(grpc::ServerContext* server,
                                            const pb::NodeUnstageVolumeRequest* request,
                                            pb::NodeUnstageVolumeResponse* /*response*/) {
  return door_.Pass(
      *server, {"NodeUnstageVolume", Admission::kQuick, VolumeKey(request->volume_id())}, *request,
      [&](const Context& context) {
        RETURN_IF_ERROR(CheckRequest(*request));
        return stage_.Unstage(context, request->volume_id(), request->staging_target_path());
      });
}

grpc::Status NodeService::NodePublishVolume(grpc::ServerContext* server,
                                            const pb::NodePublishVolumeRequest* request,
                                            pb::NodePublishVolumeResponse* /*response*/) {
  return door_.Pass(*server,
                    {"NodePublishVolume", Admission::kQuick, VolumeKey(request->volume_id())},
                    *request, [&](const Context& context) { return Publish(context, *request); });
}

Status NodeService::Publish(const Context& context, const pb::NodePublishVolumeRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  ASSIGN_OR_RETURN(VolumeAccess access, ReadOfferedCapability(request.volume_capability()));
  return publish_.Publish(context, {.volume_id = request.volume_id(),
                                    .staging_path = request.staging_target_path(),
                                    .target_path = request.target_path(),
                                    .access = std::move(access),
                                    .is_read_only = request.readonly()});
}

grpc::Status NodeService::NodeUnpublishVolume(grpc::ServerContext* server,
                                              const pb::NodeUnpublishVolumeRequest* request,
                                              pb::NodeUnpublishVolumeResponse* /*response*/) {
  return door_.Pass(*server,
                    {"NodeUnpublishVolume", Admission::kQuick, VolumeKey(request->volume_id())},
                    *request, [&](const Context& context) {
                      RETURN_IF_ERROR(CheckRequest(*request));
                      return publish_.Unpublish(context, request->target_path());
                    });
}

grpc::Status NodeService::NodeGetVolumeStats(grpc::ServerContext* server,
                                             const pb::NodeGetVolumeStatsRequest* request,
                                             pb::NodeGetVolumeStatsResponse* response) {
  return door_.Pass(*server, {"NodeGetVolumeStats", Admission::kQuick, ""}, *request,
                    [&](const Context&) { return Stats(*request, *response); });
}

Status NodeService::Stats(const pb::NodeGetVolumeStatsRequest& request,
                          pb::NodeGetVolumeStatsResponse& response) {
  RETURN_IF_ERROR(CheckRequest(request));
  ASSIGN_OR_RETURN(const VolumeHealth health, volume_.Stats(request.volume_path()));
  if (health.usage) {
    FillUsage(*health.usage, response);
  }
  response.mutable_volume_condition()->set_abnormal(health.is_abnormal);
  response.mutable_volume_condition()->set_message(health.message);
  return OkStatus();
}

grpc::Status NodeService::NodeExpandVolume(grpc::ServerContext* server,
                                           const pb::NodeExpandVolumeRequest* request,
                                           pb::NodeExpandVolumeResponse* response) {
  return door_.Pass(
      *server, {"NodeExpandVolume", Admission::kWork, VolumeKey(request->volume_id())}, *request,
      [&](const Context& context) { return Expand(context, *request, *response); });
}

Status NodeService::Expand(const Context& context,
                           const pb::NodeExpandVolumeRequest& request,
                           pb::NodeExpandVolumeResponse& response) {
  RETURN_IF_ERROR(CheckRequest(request));
  ExpandOrder order = {.volume_id = request.volume_id(),
                       .volume_path = request.volume_path(),
                       .staging_path = request.staging_target_path()};
  if (request.has_volume_capability()) {
    ASSIGN_OR_RETURN(const VolumeAccess access, ReadCapability(request.volume_capability()));
    order.is_multi_node_writer = access.mode == AccessMode::kMultiNodeMultiWriter;
  }
  if (!request.secrets().empty() && rbd::DecodeVolumeId(request.volume_id()).ok()) {
    order.take_lock = [&]() -> Result<std::unique_ptr<rbd::LockedVolume>> {
      ASSIGN_OR_RETURN(const CallerSecrets secrets, CallerSecrets::Read(request.secrets()));
      return flow_.Lock(context, secrets.caller(), request.volume_id());
    };
  }
  const std::int64_t required_bytes = request.capacity_range().required_bytes();
  RETURN_IF_ERROR(VolumeSizeBytes({.required_bytes = required_bytes,
                                   .limit_bytes = request.capacity_range().limit_bytes()})
                      .status());
  order.required_bytes = static_cast<std::uint64_t>(required_bytes);
  RETURN_IF_ERROR(volume_.Expand(context, order));
  // The raw size, which the controller has grown the image to; 0 where nobody says it.
  response.set_capacity_bytes(required_bytes);
  return OkStatus();
}

grpc::Status NodeService::NodeGetCapabilities(grpc::ServerContext* server,
                                              const pb::NodeGetCapabilitiesRequest* request,
                                              pb::NodeGetCapabilitiesResponse* response) {
  using Rpc = pb::NodeServiceCapability::RPC;
  return door_.Pass(*server, {"NodeGetCapabilities", Admission::kAlways}, *request,
                    [&](const Context&) {
                      // ceph-csi's (ceph-csi-compat 4.2).
                      for (const Rpc::Type type :
                           {Rpc::STAGE_UNSTAGE_VOLUME, Rpc::GET_VOLUME_STATS, Rpc::VOLUME_CONDITION,
                            Rpc::EXPAND_VOLUME, Rpc::SINGLE_NODE_MULTI_WRITER}) {
                        response->add_capabilities()->mutable_rpc()->set_type(type);
                      }
                      return OkStatus();
                    });
}

grpc::Status NodeService::NodeGetInfo(grpc::ServerContext* server,
                                      const pb::NodeGetInfoRequest* request,
                                      pb::NodeGetInfoResponse* response) {
  return door_.Pass(*server, {"NodeGetInfo", Admission::kAlways}, *request, [&](const Context&) {
    response->set_node_id(identity_.node_id);
    if (!identity_.topology.empty()) {
      response->mutable_accessible_topology()->mutable_segments()->insert(
          identity_.topology.begin(), identity_.topology.end());
    }
    return OkStatus();
  });
}

}  // namespace rbdcrypt::csi
