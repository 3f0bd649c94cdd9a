// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>

#include "csi.grpc.pb.h"
#include "csi/node_publish.h"
#include "csi/node_stage.h"
#include "csi/node_volume.h"
#include "csi/rpc.h"
#include "csi/topology_pools.h"

namespace rbdcrypt::csi {

// Who this node is.
struct NodeIdentity {
  // At most 256 bytes; the Kubernetes node's name.
  std::string node_id = {};
  // Empty unless DriverIdentity::has_topology.
  TopologySegments topology = {};
};

// The CSI Node service: protobuf on this side, csi/node_* on the other.
//
// One call at a time per volume; statistics and information lock nothing. Thread safe.
class NodeService final : public ::csi::v1::Node::Service {
 public:
  // `door` and what `parts` refers to must outlive it.
  NodeService(Door& door, const NodeParts& parts, NodeIdentity identity);

  grpc::Status NodeStageVolume(grpc::ServerContext* server,
                               const ::csi::v1::NodeStageVolumeRequest* request,
                               ::csi::v1::NodeStageVolumeResponse* response) override;
  grpc::Status NodeUnstageVolume(grpc::ServerContext* server,
                                 const ::csi::v1::NodeUnstageVolumeRequest* request,
                                 ::csi::v1::NodeUnstageVolumeResponse* response) override;
  grpc::Status NodePublishVolume(grpc::ServerContext* server,
                                 const ::csi::v1::NodePublishVolumeRequest* request,
                                 ::csi::v1::NodePublishVolumeResponse* response) override;
  grpc::Status NodeUnpublishVolume(grpc::ServerContext* server,
                                   const ::csi::v1::NodeUnpublishVolumeRequest* request,
                                   ::csi::v1::NodeUnpublishVolumeResponse* response) override;
  grpc::Status NodeGetVolumeStats(grpc::ServerContext* server,
                                  const ::csi::v1::NodeGetVolumeStatsRequest* request,
                                  ::csi::v1::NodeGetVolumeStatsResponse* response) override;
  grpc::Status NodeExpandVolume(grpc::ServerContext* server,
                                const ::csi::v1::NodeExpandVolumeRequest* request,
                                ::csi::v1::NodeExpandVolumeResponse* response) override;
  grpc::Status NodeGetCapabilities(grpc::ServerContext* server,
                                   const ::csi::v1::NodeGetCapabilitiesRequest* request,
                                   ::csi::v1::NodeGetCapabilitiesResponse* response) override;
  grpc::Status NodeGetInfo(grpc::ServerContext* server,
                           const ::csi::v1::NodeGetInfoRequest* request,
                           ::csi::v1::NodeGetInfoResponse* response) override;

 private:
  Status Stage(const Context& context, const ::csi::v1::NodeStageVolumeRequest& request);
  Status Publish(const Context& context, const ::csi::v1::NodePublishVolumeRequest& request);
  Status Stats(const ::csi::v1::NodeGetVolumeStatsRequest& request,
               ::csi::v1::NodeGetVolumeStatsResponse& response);
  Status Expand(const Context& context,
                const ::csi::v1::NodeExpandVolumeRequest& request,
                ::csi::v1::NodeExpandVolumeResponse& response);

  Door& door_;
  NodeStage stage_;
  NodePublish publish_;
  NodeVolume volume_;
  rbd::StageFlow& flow_;
  const NodeIdentity identity_;
};

}  // namespace rbdcrypt::csi
