// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <string>

#include "base/status.h"
#include "csi.grpc.pb.h"
#include "csi/rpc.h"

namespace rbdcrypt::csi {

// Who the driver says it is.
struct DriverIdentity {
  std::string name = {};
  std::string version = {};
  // Whether the nodes know their topology: then it is told of and used in CreateVolume. Must be the
  // same for controller and nodes of one version (CSI 1.12).
  bool has_topology = false;
};

// kInvalidArgument: not a name that CSI 1.12 allows (63 characters, letters and digits at both
// ends, dots and dashes between).
Status CheckDriverName(std::string_view name);

// The CSI Identity service, the same for controller and node. Thread safe.
class IdentityService final : public ::csi::v1::Identity::Service {
 public:
  // Asked by every Probe: ok, kUnavailable while still starting (answered as "not ready"), or
  // another error, which Probe gives as kFailedPrecondition.
  using Readiness = std::function<Status()>;

  // `door` must outlive it.
  IdentityService(Door& door, DriverIdentity identity, Readiness readiness);

  grpc::Status GetPluginInfo(grpc::ServerContext* server,
                             const ::csi::v1::GetPluginInfoRequest* request,
                             ::csi::v1::GetPluginInfoResponse* response) override;
  grpc::Status GetPluginCapabilities(grpc::ServerContext* server,
                                     const ::csi::v1::GetPluginCapabilitiesRequest* request,
                                     ::csi::v1::GetPluginCapabilitiesResponse* response) override;
  grpc::Status Probe(grpc::ServerContext* server,
                     const ::csi::v1::ProbeRequest* request,
                     ::csi::v1::ProbeResponse* response) override;

 private:
  Door& door_;
  const DriverIdentity identity_;
  const Readiness readiness_;
};

}  // namespace rbdcrypt::csi
