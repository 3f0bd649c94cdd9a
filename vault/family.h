// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>
#include <string>

#include "base/context.h"
#include "base/keyed_cache.h"
#include "base/metrics.h"
#include "vault/client.h"
#include "vault/config.h"
#include "vault/kube.h"
#include "vault/login_session.h"
#include "vault/mounts.h"
#include "vault/names.h"
#include "vault/server.h"
#include "vault/version_floors.h"
#include "vault/warnings.h"

namespace rbdcrypt::vault {

// What the three providers keep between calls, one per process: connections with their breakers and
// limiters, logins, kinds of mounts, versions seen, warnings given. Thread safe.
class VaultFamily {
 public:
  struct Options {
    HttpClientFactory http;
    // Null where there is no Kubernetes: only provider "vault" works then. Must outlive the family.
    Kube* kube = nullptr;
    // Null counts nothing. Must outlive the family.
    Metrics* metrics = nullptr;
    // Namespace of this pod: where certificates are looked for when the tenant has none, and where
    // warnings about the entry go.
    std::string pod_namespace = {};
    std::string token_file = std::string(kPodTokenFile);
    // For custom metadata; "" leaves it out.
    std::string cluster_name = {};
    ServerLimits server = {};
    RetryLimits retry = {};
  };

  explicit VaultFamily(Options options);

  // The client of a server with these addresses and this TLS, shared by all who have the same.
  // `fingerprint` becomes its name. Errors as Server::New.
  Result<std::shared_ptr<Client>> ClientFor(const Clock& clock,
                                            const VaultOptions& options,
                                            const net::TlsOptions& tls,
                                            std::string* fingerprint);

  // The login of that identity at that client, shared likewise.
  std::shared_ptr<LoginSession> SessionFor(const Clock& clock,
                                           const std::string& client_fingerprint,
                                           std::shared_ptr<Client> client,
                                           LoginPlace place,
                                           JwtSource jwt);

  // Gives all login tokens back to Vault, best effort within the context's deadline; at the end of
  // the process.
  void Close(const Context& context);

  const Options& options() const { return options_; }

  Mounts& mounts() { return mounts_; }

  VersionFloors& floors() { return floors_; }

  Warnings& warnings() { return warnings_; }

 private:
  void CountWeakTransport(const VaultOptions& options, const net::TlsOptions& tls);

  const Options options_;
  Mounts mounts_;
  VersionFloors floors_;
  Warnings warnings_;
  KeyedCache<Client> clients_;
  KeyedCache<LoginSession> sessions_;
};

}  // namespace rbdcrypt::vault
