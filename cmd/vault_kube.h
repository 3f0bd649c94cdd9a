// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "k8s/client.h"
#include "k8s/events.h"
#include "vault/kube.h"

namespace rbdcrypt::cmd {

// What vault/ asks of Kubernetes, answered by the real client. ConfigMaps and ServiceAccounts are
// those of tenants: read when they are needed, for their namespaces are too many to watch.
class VaultKube final : public vault::Kube {
 public:
  // Both must outlive it.
  VaultKube(k8s::Client& client, k8s::EventRecorder& events) : client_(client), events_(events) {}

  Result<std::map<std::string, std::string>> FindConfigMap(const Context& context,
                                                           const std::string& ns,
                                                           const std::string& name) override;
  Result<std::map<std::string, Secret>> GetSecret(const Context& context,
                                                  const std::string& ns,
                                                  const std::string& name) override;
  Result<std::vector<std::string>> ServiceAccountSecrets(const Context& context,
                                                         const std::string& ns,
                                                         const std::string& name) override;
  Result<Secret> RequestToken(const Context& context, const TokenRequest& request) override;

  // About the namespace itself: kubectl get events shows it there.
  void Warn(const std::string& ns, std::string_view reason, std::string_view text) override;

 private:
  k8s::Client& client_;
  k8s::EventRecorder& events_;
};

}  // namespace rbdcrypt::cmd
