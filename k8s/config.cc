// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/config.h"

#include <cstddef>
#include <cstdlib>
#include <utility>

#include "base/strings.h"
#include "k8s/kubeconfig.h"
#include "k8s/secret_file.h"

namespace rbdcrypt::k8s {
namespace {

// A bundle of some hundred certificates.
constexpr std::size_t kMaxCaBytes = 1024 * 1024;

// RFC 1123 allows 63 characters.
constexpr std::size_t kMaxNamespaceBytes = 1024;

Result<std::string> Variable(const Environment& environment, std::string_view name) {
  std::optional<std::string> value = environment(name);
  if (!value.has_value() || value->empty()) {
    return InvalidArgument(Cat("no way to Kubernetes: ", name,
                               " is not set, so this is no pod; name a kubeconfig in ",
                               kConfigPathVariable));
  }
  return *std::move(value);
}

Result<std::string> ReadText(const std::string& path, std::size_t max_bytes) {
  ASSIGN_OR_RETURN(const Secret content, ReadSecretFile(path, max_bytes));
  return std::string(Trim(content.RevealText()));
}

}  // namespace

Environment ProcessEnvironment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    return value == nullptr ? std::nullopt : std::make_optional<std::string>(value);
  };
}

Result<ClusterAccess> InClusterAccess(const Environment& environment,
                                      Clock& clock,
                                      std::string_view folder) {
  ASSIGN_OR_RETURN(const std::string host, Variable(environment, kServiceHostVariable));
  ASSIGN_OR_RETURN(const std::string port, Variable(environment, kServicePortVariable));
  const bool is_ipv6 = host.find(':') != std::string::npos;
  ClusterAccess access;
  ASSIGN_OR_RETURN(access.server, net::ParseUrl(Cat("https://", is_ipv6 ? "[" : "", host,
                                                    is_ipv6 ? "]:" : ":", port)));
  access.tls_files = {Cat(folder, '/', kCaFile)};
  ASSIGN_OR_RETURN(access.tls.ca_pem, ReadText(access.tls_files.front(), kMaxCaBytes));
  ASSIGN_OR_RETURN(access.ns, ReadText(Cat(folder, '/', kNamespaceFile), kMaxNamespaceBytes));
  if (access.tls.ca_pem.empty() || access.ns.empty()) {
    // An empty CA would mean that of the system.
    return InvalidArgument(
        Cat(folder, '/', access.ns.empty() ? kNamespaceFile : kCaFile, " is empty"));
  }
  auto token = std::make_unique<FileToken>(Cat(folder, '/', kTokenFile), clock);
  RETURN_IF_ERROR(token->Token().status());
  access.token = std::move(token);
  return access;
}

Result<ClusterAccess> FindAccess(const Environment& environment, Clock& clock) {
  const std::optional<std::string> path = environment(kConfigPathVariable);
  if (path.has_value() && !path->empty()) {
    return KubeconfigAccess(*path, clock);
  }
  return InClusterAccess(environment, clock);
}

}  // namespace rbdcrypt::k8s
