// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/identity.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/strings.h"

namespace rbdcrypt::csi {
namespace {

namespace pb = ::csi::v1;

// CSI 1.12, field rules.
constexpr std::size_t kMaxDriverNameBytes = 63;

bool IsAlphanumeric(char character) {
  return std::isalnum(static_cast<unsigned char>(character)) != 0;
}

void AddService(pb::PluginCapability::Service::Type type,
                pb::GetPluginCapabilitiesResponse& response) {
  response.add_capabilities()->mutable_service()->set_type(type);
}

}  // namespace

Status CheckDriverName(std::string_view name) {
  const bool is_valid = !name.empty() && name.size() <= kMaxDriverNameBytes &&
                        IsAlphanumeric(name.front()) && IsAlphanumeric(name.back()) &&
                        std::all_of(name.begin(), name.end(), [](char character) {
                          return IsAlphanumeric(character) || character == '.' || character == '-';
                        });
  return is_valid ? OkStatus()
                  : InvalidArgument(Cat("drivername: \"", name, "\" is no CSI driver name"));
}

IdentityService::IdentityService(Door& door, DriverIdentity identity, Readiness readiness)
    : door_(door), identity_(std::move(identity)), readiness_(std::move(readiness)) {}

grpc::Status IdentityService::GetPluginInfo(grpc::ServerContext* server,
                                            const pb::GetPluginInfoRequest* request,
                                            pb::GetPluginInfoResponse* response) {
  return door_.Pass(*server, {"GetPluginInfo", Admission::kAlways}, *request, [&](const Context&) {
    response->set_name(identity_.name);
    response->set_vendor_version(identity_.version);
    return OkStatus();
  });
}

grpc::Status IdentityService::GetPluginCapabilities(grpc::ServerContext* server,
                                                    const pb::GetPluginCapabilitiesRequest* request,
                                                    pb::GetPluginCapabilitiesResponse* response) {
  return door_.Pass(
      *server, {"GetPluginCapabilities", Admission::kAlways}, *request, [&](const Context&) {
        AddService(pb::PluginCapability::Service::CONTROLLER_SERVICE, *response);
        if (identity_.has_topology) {
          AddService(pb::PluginCapability::Service::VOLUME_ACCESSIBILITY_CONSTRAINTS, *response);
        }
        response->add_capabilities()->mutable_volume_expansion()->set_type(
            pb::PluginCapability::VolumeExpansion::ONLINE);
        return OkStatus();
      });
}

grpc::Status IdentityService::Probe(grpc::ServerContext* server,
                                    const pb::ProbeRequest* request,
                                    pb::ProbeResponse* response) {
  return door_.Pass(*server, {"Probe", Admission::kAlways}, *request, [&](const Context&) {
    const Status ready = readiness_();
    if (!ready.ok() && ready.code() != Code::kUnavailable) {
      return FailedPrecondition(Cat("not healthy: ", Message(ready)));
    }
    response->mutable_ready()->set_value(ready.ok());
    return OkStatus();
  });
}

}  // namespace rbdcrypt::csi
