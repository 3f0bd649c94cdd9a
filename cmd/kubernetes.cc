// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/kubernetes.h"

#include <optional>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "net/curl_http_client.h"
#include "net/renewed_http_client.h"

namespace rbdcrypt::cmd {
namespace {

// Where ceph-csi's manifests put the pod's namespace (ceph-csi-compat 6.1).
constexpr std::string_view kNamespaceVariable = "POD_NAMESPACE";

bool IsSet(const k8s::Environment& environment, std::string_view name) {
  const std::optional<std::string> value = environment(name);
  return value.has_value() && !value->empty();
}

// A client for the server, made anew when its certificates change.
Result<std::unique_ptr<net::HttpClient>> Connect(const k8s::Environment& environment,
                                                 Clock& clock,
                                                 const k8s::ClusterAccess& access) {
  const auto make = [environment, &clock,
                     address = access.server.Text()]() -> Result<std::unique_ptr<net::HttpClient>> {
    ASSIGN_OR_RETURN(k8s::ClusterAccess now, k8s::FindAccess(environment, clock));
    if (now.server.Text() != address) {
      // The token in use is for the other one.
      return FailedPrecondition(
          Cat("the configuration names ", now.server.Text(), " now: restart to use it"));
    }
    return net::CurlHttpClient::New(now.server, {.tls = std::move(now.tls)});
  };
  return net::RenewedHttpClient::New(access.tls_files, make);
}

}  // namespace

Result<std::unique_ptr<Kubernetes>> Kubernetes::Find(const k8s::Environment& environment,
                                                     Clock& clock,
                                                     const std::string& instance) {
  if (!IsSet(environment, k8s::kConfigPathVariable) &&
      !IsSet(environment, k8s::kServiceHostVariable)) {
    return std::unique_ptr<Kubernetes>();
  }
  ASSIGN_OR_RETURN(k8s::ClusterAccess access, k8s::FindAccess(environment, clock));
  ASSIGN_OR_RETURN(std::unique_ptr<net::HttpClient> http, Connect(environment, clock, access));
  std::string ns = IsSet(environment, kNamespaceVariable) ? *environment(kNamespaceVariable)
                                                          : std::move(access.ns);
  return std::unique_ptr<Kubernetes>(
      new Kubernetes(std::move(http), std::move(access.token), std::move(ns), clock, instance));
}

}  // namespace rbdcrypt::cmd
