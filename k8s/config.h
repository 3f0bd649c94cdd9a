// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "k8s/names.h"
#include "k8s/token_source.h"
#include "net/tls_options.h"
#include "net/url.h"

namespace rbdcrypt::k8s {

// Where the API server is and how we show who we are: what a net::HttpClient and a RestClient are
// made of.
struct ClusterAccess {
  net::Url server;
  net::TlsOptions tls;
  // Null where the client certificate (or a proxy) says who we are.
  std::unique_ptr<TokenSource> token;
  // Files that `tls` was read from: when one changes, so should the client that was made of it
  // (net/renewed_http_client). The token looks after its own.
  std::vector<std::string> tls_files;
  // The pod's own namespace, or that of the kubeconfig's context; never empty.
  std::string ns;
};

// The value of an environment variable; nothing or "" where it is not set.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

// That of this process.
Environment ProcessEnvironment();

// Access as a pod has it: address from the environment, CA, token and namespace from `folder`. The
// token is re-read as it rotates (k8s/token_source).
// kInvalidArgument: not in a pod, or a file is unreadable; kUnavailable: a file is not there yet.
Result<ClusterAccess> InClusterAccess(const Environment& environment,
                                      Clock& clock,
                                      std::string_view folder = kServiceAccountFolder);

// As ceph-csi chooses (ceph-csi-compat 6.1): the kubeconfig that KUBERNETES_CONFIG_PATH names
// (k8s/kubeconfig), else in-cluster. Errors of either.
Result<ClusterAccess> FindAccess(const Environment& environment, Clock& clock);

}  // namespace rbdcrypt::k8s
