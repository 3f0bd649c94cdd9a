// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "vault/kube.h"
#include "vault/token_holder.h"

namespace rbdcrypt::vault {

// Provider "vaulttokens": the token of the tenant's Secret <tenant>/<tenantTokenName>, key "token",
// read when first wanted and again after Vault refused it; neither renewed nor revoked, for it is
// the tenant's (ceph-csi-compat 6.6).
class SecretToken final : public TokenHolder {
 public:
  // `kube` must outlive it.
  SecretToken(Kube& kube, std::string tenant, std::string secret_name);

  // kPermissionDenied: the Secret or its namespace is gone. kInvalidArgument: it has no token.
  Result<Token> Get(const Context& context) override;

  void Reject(const Token& used) override;

  // Reading the Secret anew costs Vault nothing.
  void Keep(const Context& /*context*/, const Token& /*fresh*/) override {}

  const std::string& identity() const override { return identity_; }

  bool logs_in() const override { return false; }

 private:
  Kube& kube_;
  const std::string tenant_;
  const std::string secret_name_;
  const std::string identity_;
  absl::Mutex mutex_;
  Token token_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::vault
