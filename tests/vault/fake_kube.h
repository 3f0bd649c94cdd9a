// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/strings.h"
#include "vault/kube.h"

namespace rbdcrypt::testing {

// The Kubernetes of a test: objects by "namespace/name". Thread safe but for its public members,
// which a test sets before it starts threads.
class FakeKube final : public vault::Kube {
 public:
  std::map<std::string, std::map<std::string, std::string>> config_maps;
  std::map<std::string, std::map<std::string, std::string>> secrets;
  // ServiceAccounts and the Secrets they list.
  std::map<std::string, std::vector<std::string>> service_accounts;
  // Answered by everything instead.
  std::optional<Status> failure;
  // Answered by RequestToken for accounts that are there.
  std::optional<Status> token_failure;
  // Answered by ServiceAccountSecrets.
  std::optional<Status> account_failure;
  std::vector<TokenRequest> token_requests;
  std::vector<std::string> warnings;

  Result<std::map<std::string, std::string>> FindConfigMap(const Context& /*context*/,
                                                           const std::string& ns,
                                                           const std::string& name) override {
    return Find(config_maps, ns, name);
  }

  Result<std::map<std::string, Secret>> GetSecret(const Context& /*context*/,
                                                  const std::string& ns,
                                                  const std::string& name) override {
    const auto found = Find(secrets, ns, name);
    RETURN_IF_ERROR(found.status());
    std::map<std::string, Secret> data;
    for (const auto& [key, value] : *found) {
      data.emplace(key, Secret(value));
    }
    return data;
  }

  Result<std::vector<std::string>> ServiceAccountSecrets(const Context& /*context*/,
                                                         const std::string& ns,
                                                         const std::string& name) override {
    if (account_failure.has_value()) {
      return *account_failure;
    }
    return Find(service_accounts, ns, name);
  }

  Result<Secret> RequestToken(const Context& /*context*/, const TokenRequest& request) override {
    RETURN_IF_ERROR(Find(service_accounts, request.ns, request.service_account).status());
    absl::MutexLock lock(&mutex_);
    token_requests.push_back(request);
    if (token_failure.has_value()) {
      return *token_failure;
    }
    return Secret(Cat("jwt-of-", request.ns, "-", request.service_account));
  }

  void Warn(const std::string& ns, std::string_view reason, std::string_view text) override {
    absl::MutexLock lock(&mutex_);
    warnings.push_back(Cat(ns, " ", reason, " ", text));
  }

 private:
  template <typename Objects>
  Result<typename Objects::mapped_type> Find(const Objects& objects,
                                             const std::string& ns,
                                             const std::string& name) const {
    if (failure.has_value()) {
      return *failure;
    }
    const auto found = objects.find(Cat(ns, "/", name));
    if (found == objects.end()) {
      return NotFound(Cat(ns, "/", name, " not found"));
    }
    return found->second;
  }

  absl::Mutex mutex_;
};

}  // namespace rbdcrypt::testing
