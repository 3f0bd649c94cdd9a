// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/controller.h"

#include <utility>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "csi/caller_secrets.h"
#include "csi/capabilities.h"
#include "csi/field_rules.h"
#include "csi/sizes.h"
#include "rbd/volume_id.h"

namespace rbdcrypt::csi {
namespace {

namespace pb = ::csi::v1;

template <typename Map>
Parameters ToParameters(const Map& map) {
  return Parameters(map.begin(), map.end());
}

TopologyWish ReadTopology(const pb::TopologyRequirement& requirement) {
  const auto read = [](const auto& topologies) {
    std::vector<TopologySegments> segments;
    for (const pb::Topology& topology : topologies) {
      segments.emplace_back(topology.segments().begin(), topology.segments().end());
    }
    return segments;
  };
  return {.preferred = read(requirement.preferred()), .requisite = read(requirement.requisite())};
}

// What no parameter can make possible.
Status CheckCreate(const pb::CreateVolumeRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  if (request.has_volume_content_source()) {
    return InvalidArgument(
        "volume_content_source: snapshots and clones are not offered by this version");
  }
  if (!request.mutable_parameters().empty()) {
    return InvalidArgument(
        "mutable_parameters: VolumeAttributesClasses are not offered (MODIFY_VOLUME)");
  }
  for (const pb::VolumeCapability& capability : request.volume_capabilities()) {
    ASSIGN_OR_RETURN(const VolumeAccess access, ReadCapability(capability));
    RETURN_IF_ERROR(CheckForNewVolume(access));
  }
  return OkStatus();
}

void FillVolume(const rbd::CreatedVolume& created, const CreatePlan& plan, pb::Volume& volume) {
  volume.set_volume_id(created.volume_id);
  volume.set_capacity_bytes(static_cast<std::int64_t>(created.size_bytes));
  if (!plan.accessible_topology.empty()) {
    volume.add_accessible_topology()->mutable_segments()->insert(plan.accessible_topology.begin(),
                                                                 plan.accessible_topology.end());
  }
}

// In-tree volumes that were migrated have handles of their own form (ceph-csi-compat 1.4).
bool IsMigratedHandle(std::string_view volume_id) {
  return volume_id.starts_with("mig") && volume_id.find("image-") != std::string_view::npos &&
         volume_id.find("mons-") != std::string_view::npos;
}

// Why what Validate was asked about is not supported, or ok.
Status CheckValidate(const pb::ValidateVolumeCapabilitiesRequest& request) {
  for (const pb::VolumeCapability& capability : request.volume_capabilities()) {
    ASSIGN_OR_RETURN(const VolumeAccess access, ReadCapability(capability));
    RETURN_IF_ERROR(CheckOffered(access));
  }
  if (!request.mutable_parameters().empty()) {
    return InvalidArgument("mutable_parameters: not offered");
  }
  if (!request.parameters().empty()) {
    RETURN_IF_ERROR(ReadStorageClass(ToParameters(request.parameters())).status());
  }
  return ReadNodeParameters(ToParameters(request.volume_context())).status();
}

void Confirm(const pb::ValidateVolumeCapabilitiesRequest& request,
             pb::ValidateVolumeCapabilitiesResponse::Confirmed& confirmed) {
  *confirmed.mutable_volume_context() = request.volume_context();
  *confirmed.mutable_volume_capabilities() = request.volume_capabilities();
  *confirmed.mutable_parameters() = request.parameters();
}

}  // namespace

ControllerService::ControllerService(Door& door, rbd::VolumeFlow& flow, LabelOptions labels)
    : door_(door), flow_(flow), labels_(std::move(labels)) {}

grpc::Status ControllerService::CreateVolume(grpc::ServerContext* server,
                                             const pb::CreateVolumeRequest* request,
                                             pb::CreateVolumeResponse* response) {
  return door_.Pass(*server, {"CreateVolume", Admission::kWork, NameKey(request->name())}, *request,
                    [&](const Context& context) { return Create(context, *request, *response); });
}

Status ControllerService::Create(const Context& context,
                                 const pb::CreateVolumeRequest& request,
                                 pb::CreateVolumeResponse& response) {
  RETURN_IF_ERROR(CheckCreate(request));
  const NewVolume wanted = {.request_name = request.name(),
                            .parameters = ToParameters(request.parameters()),
                            .range = {.required_bytes = request.capacity_range().required_bytes(),
                                      .limit_bytes = request.capacity_range().limit_bytes()},
                            .topology = ReadTopology(request.accessibility_requirements())};
  ASSIGN_OR_RETURN(const CreatePlan plan, PlanVolume(wanted, labels_));
  ASSIGN_OR_RETURN(const CallerSecrets secrets, CallerSecrets::Read(request.secrets()));
  ASSIGN_OR_RETURN(const rbd::CreatedVolume created,
                   flow_.Create(context, secrets.caller(), plan.spec));
  FillVolume(created, plan, *response.mutable_volume());
  const Parameters volume_context =
      VolumeContext(created, plan.spec.layout.data_pool, wanted.parameters);
  response.mutable_volume()->mutable_volume_context()->insert(volume_context.begin(),
                                                              volume_context.end());
  return OkStatus();
}

grpc::Status ControllerService::DeleteVolume(grpc::ServerContext* server,
                                             const pb::DeleteVolumeRequest* request,
                                             pb::DeleteVolumeResponse* /*response*/) {
  return door_.Pass(*server, {"DeleteVolume", Admission::kWork, VolumeKey(request->volume_id())},
                    *request, [&](const Context& context) { return Delete(context, *request); });
}

Status ControllerService::Delete(const Context& context, const pb::DeleteVolumeRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  if (IsMigratedHandle(request.volume_id())) {
    return FailedPrecondition(Cat("volume ", request.volume_id(),
                                  " is a migrated in-tree volume, which this driver does not "
                                  "delete; remove its image by hand or with ceph-csi"));
  }
  if (!rbd::DecodeVolumeId(request.volume_id()).ok()) {
    LogWarn("volume ID is not of this driver; nothing to delete",
            {{"volume", request.volume_id()}, {"request_id", context.request_id()}});
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const CallerSecrets secrets, CallerSecrets::Read(request.secrets()));
  return flow_.Delete(context, secrets.caller(), request.volume_id());
}

grpc::Status ControllerService::ControllerExpandVolume(
    grpc::ServerContext* server,
    const pb::ControllerExpandVolumeRequest* request,
    pb::ControllerExpandVolumeResponse* response) {
  return door_.Pass(
      *server, {"ControllerExpandVolume", Admission::kWork, VolumeKey(request->volume_id())},
      *request, [&](const Context& context) { return Expand(context, *request, *response); });
}

Status ControllerService::Expand(const Context& context,
                                 const pb::ControllerExpandVolumeRequest& request,
                                 pb::ControllerExpandVolumeResponse& response) {
  RETURN_IF_ERROR(CheckRequest(request));
  // Without a capability the volume may have a file system, which the node has to grow.
  bool is_block = false;
  if (request.has_volume_capability()) {
    ASSIGN_OR_RETURN(const VolumeAccess access, ReadCapability(request.volume_capability()));
    RETURN_IF_ERROR(CheckOffered(access));
    is_block = access.is_block;
  }
  ASSIGN_OR_RETURN(const std::uint64_t size_bytes,
                   VolumeSizeBytes({.required_bytes = request.capacity_range().required_bytes(),
                                    .limit_bytes = request.capacity_range().limit_bytes()}));
  ASSIGN_OR_RETURN(const CallerSecrets secrets, CallerSecrets::Read(request.secrets()));
  ASSIGN_OR_RETURN(const rbd::ExpandedVolume expanded,
                   flow_.Expand(context, secrets.caller(), request.volume_id(), size_bytes));
  response.set_capacity_bytes(static_cast<std::int64_t>(expanded.size_bytes));
  response.set_node_expansion_required(!is_block || expanded.is_encrypted);
  return OkStatus();
}

grpc::Status ControllerService::ValidateVolumeCapabilities(
    grpc::ServerContext* server,
    const pb::ValidateVolumeCapabilitiesRequest* request,
    pb::ValidateVolumeCapabilitiesResponse* response) {
  return door_.Pass(*server, {"ValidateVolumeCapabilities", Admission::kWork, ""}, *request,
                    [&](const Context& context) { return Validate(context, *request, *response); });
}

Status ControllerService::Validate(const Context& context,
                                   const pb::ValidateVolumeCapabilitiesRequest& request,
                                   pb::ValidateVolumeCapabilitiesResponse& response) {
  RETURN_IF_ERROR(CheckRequest(request));
  if (!rbd::DecodeVolumeId(request.volume_id()).ok()) {
    return NotFound(Cat("volume ", request.volume_id(), " is not of this driver"));
  }
  ASSIGN_OR_RETURN(const CallerSecrets secrets, CallerSecrets::Read(request.secrets()));
  RETURN_IF_ERROR(flow_.CheckExists(context, secrets.caller(), request.volume_id()));
  if (const Status supported = CheckValidate(request); !supported.ok()) {
    response.set_message(Message(supported));
  } else {
    Confirm(request, *response.mutable_confirmed());
  }
  return OkStatus();
}

grpc::Status ControllerService::ControllerGetCapabilities(
    grpc::ServerContext* server,
    const pb::ControllerGetCapabilitiesRequest* request,
    pb::ControllerGetCapabilitiesResponse* response) {
  using Rpc = pb::ControllerServiceCapability::RPC;
  return door_.Pass(
      *server, {"ControllerGetCapabilities", Admission::kAlways}, *request, [&](const Context&) {
        for (const Rpc::Type type :
             {Rpc::CREATE_DELETE_VOLUME, Rpc::EXPAND_VOLUME, Rpc::SINGLE_NODE_MULTI_WRITER}) {
          response->add_capabilities()->mutable_rpc()->set_type(type);
        }
        return OkStatus();
      });
}

grpc::Status ControllerService::ControllerPublishVolume(
    grpc::ServerContext* server,
    const pb::ControllerPublishVolumeRequest* request,
    pb::ControllerPublishVolumeResponse* /*response*/) {
  return door_.Pass(*server, {"ControllerPublishVolume", Admission::kQuick}, *request,
                    [&](const Context&) { return CheckRequest(*request); });
}

grpc::Status ControllerService::ControllerUnpublishVolume(
    grpc::ServerContext* server,
    const pb::ControllerUnpublishVolumeRequest* request,
    pb::ControllerUnpublishVolumeResponse* /*response*/) {
  return door_.Pass(*server, {"ControllerUnpublishVolume", Admission::kQuick}, *request,
                    [&](const Context&) { return CheckRequest(*request); });
}

grpc::Status ControllerService::Refuse(const grpc::ServerContext& server,
                                       const google::protobuf::Message& request,
                                       std::string_view method) {
  return door_.Pass(server, {method, Admission::kAlways}, request, [&](const Context&) {
    return Unimplemented(Cat(method, " is not offered by this version of the driver"));
  });
}

grpc::Status ControllerService::ListVolumes(grpc::ServerContext* server,
                                            const pb::ListVolumesRequest* request,
                                            pb::ListVolumesResponse* /*response*/) {
  return Refuse(*server, *request, "ListVolumes");
}

grpc::Status ControllerService::GetCapacity(grpc::ServerContext* server,
                                            const pb::GetCapacityRequest* request,
                                            pb::GetCapacityResponse* /*response*/) {
  return Refuse(*server, *request, "GetCapacity");
}

grpc::Status ControllerService::CreateSnapshot(grpc::ServerContext* server,
                                               const pb::CreateSnapshotRequest* request,
                                               pb::CreateSnapshotResponse* /*response*/) {
  return Refuse(*server, *request, "CreateSnapshot");
}

grpc::Status ControllerService::DeleteSnapshot(grpc::ServerContext* server,
                                               const pb::DeleteSnapshotRequest* request,
                                               pb::DeleteSnapshotResponse* /*response*/) {
  return Refuse(*server, *request, "DeleteSnapshot");
}

grpc::Status ControllerService::ListSnapshots(grpc::ServerContext* server,
                                              const pb::ListSnapshotsRequest* request,
                                              pb::ListSnapshotsResponse* /*response*/) {
  return Refuse(*server, *request, "ListSnapshots");
}

grpc::Status ControllerService::GetSnapshot(grpc::ServerContext* server,
                                            const pb::GetSnapshotRequest* request,
                                            pb::GetSnapshotResponse* /*response*/) {
  return Refuse(*server, *request, "GetSnapshot");
}

grpc::Status ControllerService::ControllerGetVolume(grpc::ServerContext* server,
                                                    const pb::ControllerGetVolumeRequest* request,
                                                    pb::ControllerGetVolumeResponse* /*response*/) {
  return Refuse(*server, *request, "ControllerGetVolume");
}

grpc::Status ControllerService::ControllerModifyVolume(
    grpc::ServerContext* server,
    const pb::ControllerModifyVolumeRequest* request,
    pb::ControllerModifyVolumeResponse* /*response*/) {
  return Refuse(*server, *request, "ControllerModifyVolume");
}

}  // namespace rbdcrypt::csi
