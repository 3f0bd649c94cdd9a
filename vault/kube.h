// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt::vault {

// What the tenant layer needs of Kubernetes and nothing else (ceph-csi-compat 6.5, 6.6); cmd puts
// the real client behind it. Thread safe.
//
// Errors of every call beside those named:
//   kPermissionDenied  our own service account may not do that; the text says which right it lacks
//   kUnavailable       the API cannot be reached now
//   kCancelled, kDeadlineExceeded
class Kube {
 public:
  virtual ~Kube() = default;

  // The text data of a ConfigMap. kNotFound: no such ConfigMap or namespace.
  virtual Result<std::map<std::string, std::string>> FindConfigMap(const Context& context,
                                                                   const std::string& ns,
                                                                   const std::string& name) = 0;

  // The decoded data of a Secret. kNotFound: no such Secret or namespace.
  virtual Result<std::map<std::string, Secret>> GetSecret(const Context& context,
                                                          const std::string& ns,
                                                          const std::string& name) = 0;

  // The names of the Secrets that a ServiceAccount lists, in order. kNotFound: no such
  // ServiceAccount or namespace.
  virtual Result<std::vector<std::string>> ServiceAccountSecrets(const Context& context,
                                                                 const std::string& ns,
                                                                 const std::string& name) = 0;

  struct TokenRequest {
    std::string ns;
    std::string service_account;
    // "" for the API server's own.
    std::string audience;
    // Zero for the default of the API server.
    std::chrono::seconds lifetime = std::chrono::seconds::zero();
  };

  // A new token of a service account (TokenRequest). kNotFound: no such ServiceAccount or
  // namespace. Any other error that is not transient: the API offers none to us.
  virtual Result<Secret> RequestToken(const Context& context, const TokenRequest& request) = 0;

  // Raises a warning Event in a namespace; best effort, never waits for long. `reason` is one
  // CamelCase word.
  virtual void Warn(const std::string& ns, std::string_view reason, std::string_view text) = 0;
};

}  // namespace rbdcrypt::vault
