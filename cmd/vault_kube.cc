// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/vault_kube.h"

#include <utility>

#include "k8s/api_path.h"
#include "k8s/objects.h"
#include "k8s/token_request.h"

namespace rbdcrypt::cmd {

Result<std::map<std::string, std::string>> VaultKube::FindConfigMap(const Context& context,
                                                                    const std::string& ns,
                                                                    const std::string& name) {
  ASSIGN_OR_RETURN(const Json object,
                   client_.Get(context, k8s::kConfigMaps, {.ns = ns, .name = name}));
  ASSIGN_OR_RETURN(const k8s::ConfigMap map, k8s::ParseConfigMap(object));
  return std::map<std::string, std::string>(map.data.begin(), map.data.end());
}

Result<std::map<std::string, Secret>> VaultKube::GetSecret(const Context& context,
                                                           const std::string& ns,
                                                           const std::string& name) {
  ASSIGN_OR_RETURN(k8s::SecretObject object, client_.GetSecret(context, {.ns = ns, .name = name}));
  std::map<std::string, Secret> data;
  for (auto& [key, value] : object.data) {
    data.emplace(key, std::move(value));
  }
  return data;
}

Result<std::vector<std::string>> VaultKube::ServiceAccountSecrets(const Context& context,
                                                                  const std::string& ns,
                                                                  const std::string& name) {
  ASSIGN_OR_RETURN(const Json object,
                   client_.Get(context, k8s::kServiceAccounts, {.ns = ns, .name = name}));
  ASSIGN_OR_RETURN(k8s::ServiceAccount account, k8s::ParseServiceAccount(object));
  return std::move(account.secrets);
}

Result<Secret> VaultKube::RequestToken(const Context& context, const TokenRequest& request) {
  k8s::TokenRequest wanted;
  if (!request.audience.empty()) {
    wanted.audiences.push_back(request.audience);
  }
  if (request.lifetime > std::chrono::seconds::zero()) {
    wanted.lifetime = request.lifetime;
  }
  ASSIGN_OR_RETURN(
      k8s::ServiceAccountToken token,
      client_.RequestToken(context, {.ns = request.ns, .name = request.service_account}, wanted));
  return std::move(token.token);
}

void VaultKube::Warn(const std::string& ns, std::string_view reason, std::string_view text) {
  events_.Record({.regarding = {.api_version = "v1", .kind = "Namespace", .ns = ns, .name = ns},
                  .is_warning = true,
                  .reason = std::string(reason),
                  .message = std::string(text)});
}

}  // namespace rbdcrypt::cmd
