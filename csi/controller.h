// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include "base/context.h"
#include "base/status.h"
#include "csi.grpc.pb.h"
#include "csi/create_spec.h"
#include "csi/rpc.h"
#include "rbd/volume_flow.h"

namespace rbdcrypt::csi {

// The CSI Controller service: volumes made, deleted, grown and looked at, thin over
// rbd/volume_flow.
//
// Every call is checked before it asks for anything (csi/field_rules), one at a time per volume or
// name. ControllerPublish and -Unpublish do nothing, as in ceph-csi: there is no attach step, and
// none is advertised. What is not here answers UNIMPLEMENTED in words. Thread safe.
class ControllerService final : public ::csi::v1::Controller::Service {
 public:
  // `door` and `flow` must outlive it.
  ControllerService(Door& door, rbd::VolumeFlow& flow, LabelOptions labels);

  // Keyed by name. kInvalidArgument also: a content source, which is not offered yet.
  grpc::Status CreateVolume(grpc::ServerContext* server,
                            const ::csi::v1::CreateVolumeRequest* request,
                            ::csi::v1::CreateVolumeResponse* response) override;
  // Ok for an ID that is not of this driver's making. kFailedPrecondition for a migrated in-tree
  // volume, which this driver must not call deleted.
  grpc::Status DeleteVolume(grpc::ServerContext* server,
                            const ::csi::v1::DeleteVolumeRequest* request,
                            ::csi::v1::DeleteVolumeResponse* response) override;
  grpc::Status ControllerExpandVolume(grpc::ServerContext* server,
                                      const ::csi::v1::ControllerExpandVolumeRequest* request,
                                      ::csi::v1::ControllerExpandVolumeResponse* response) override;
  // Confirms all that CheckOffered allows, ceph-csi only SINGLE_NODE_WRITER. kNotFound: no such
  // volume, malformed IDs included.
  grpc::Status ValidateVolumeCapabilities(
      grpc::ServerContext* server,
      const ::csi::v1::ValidateVolumeCapabilitiesRequest* request,
      ::csi::v1::ValidateVolumeCapabilitiesResponse* response) override;
  grpc::Status ControllerGetCapabilities(
      grpc::ServerContext* server,
      const ::csi::v1::ControllerGetCapabilitiesRequest* request,
      ::csi::v1::ControllerGetCapabilitiesResponse* response) override;

  grpc::Status ControllerPublishVolume(
      grpc::ServerContext* server,
      const ::csi::v1::ControllerPublishVolumeRequest* request,
      ::csi::v1::ControllerPublishVolumeResponse* response) override;
  grpc::Status ControllerUnpublishVolume(
      grpc::ServerContext* server,
      const ::csi::v1::ControllerUnpublishVolumeRequest* request,
      ::csi::v1::ControllerUnpublishVolumeResponse* response) override;

  // Not offered.
  grpc::Status ListVolumes(grpc::ServerContext* server,
                           const ::csi::v1::ListVolumesRequest* request,
                           ::csi::v1::ListVolumesResponse* response) override;
  grpc::Status GetCapacity(grpc::ServerContext* server,
                           const ::csi::v1::GetCapacityRequest* request,
                           ::csi::v1::GetCapacityResponse* response) override;
  grpc::Status CreateSnapshot(grpc::ServerContext* server,
                              const ::csi::v1::CreateSnapshotRequest* request,
                              ::csi::v1::CreateSnapshotResponse* response) override;
  grpc::Status DeleteSnapshot(grpc::ServerContext* server,
                              const ::csi::v1::DeleteSnapshotRequest* request,
                              ::csi::v1::DeleteSnapshotResponse* response) override;
  grpc::Status ListSnapshots(grpc::ServerContext* server,
                             const ::csi::v1::ListSnapshotsRequest* request,
                             ::csi::v1::ListSnapshotsResponse* response) override;
  grpc::Status GetSnapshot(grpc::ServerContext* server,
                           const ::csi::v1::GetSnapshotRequest* request,
                           ::csi::v1::GetSnapshotResponse* response) override;
  grpc::Status ControllerGetVolume(grpc::ServerContext* server,
                                   const ::csi::v1::ControllerGetVolumeRequest* request,
                                   ::csi::v1::ControllerGetVolumeResponse* response) override;
  grpc::Status ControllerModifyVolume(grpc::ServerContext* server,
                                      const ::csi::v1::ControllerModifyVolumeRequest* request,
                                      ::csi::v1::ControllerModifyVolumeResponse* response) override;

 private:
  Status Create(const Context& context,
                const ::csi::v1::CreateVolumeRequest& request,
                ::csi::v1::CreateVolumeResponse& response);
  Status Delete(const Context& context, const ::csi::v1::DeleteVolumeRequest& request);
  Status Expand(const Context& context,
                const ::csi::v1::ControllerExpandVolumeRequest& request,
                ::csi::v1::ControllerExpandVolumeResponse& response);
  Status Validate(const Context& context,
                  const ::csi::v1::ValidateVolumeCapabilitiesRequest& request,
                  ::csi::v1::ValidateVolumeCapabilitiesResponse& response);
  grpc::Status Refuse(const grpc::ServerContext& server,
                      const google::protobuf::Message& request,
                      std::string_view method);

  Door& door_;
  rbd::VolumeFlow& flow_;
  const LabelOptions labels_;
};

}  // namespace rbdcrypt::csi
