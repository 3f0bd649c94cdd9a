// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/context.h"
#include "base/json.h"
#include "base/strings.h"
#include "kms/registry.h"
#include "tests/fakes/fake_vault.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tests/vault/fake_kube.h"
#include "vault/vault_kms.h"

namespace rbdcrypt::testing {

// A Vault, a Kubernetes and the family of providers between them, as one process sees them.
//
// The Vault has KV 2 at "secret", KV 1 at "kv1", a role for this driver's account and for that of
// tenant-a, and a token for tenant-a.
class VaultWorld {
 public:
  VaultWorld() : vault(clock) {
    vault.AddMount("secret", 2);
    vault.AddMount("kv1", 1);
    vault.AddRole("", "kubernetes", "csi-kubernetes",
                  {.jwts = {"jwt-of-driver", "jwt-of-tenant-a-ceph-csi-vault-sa"}});
    vault.AddToken("token-a");
    kube.secrets["tenant-a/ceph-csi-kms-token"]["token"] = "token-a\n";
    kube.service_accounts["tenant-a/ceph-csi-vault-sa"] = {};
    token_file = dir.Write("token", "jwt-of-driver\n");
    Restart();
  }

  // Forgets what the process keeps between calls.
  void Restart() {
    family =
        std::make_shared<vault::VaultFamily>(vault::VaultFamily::Options{.http = vault.Factory(),
                                                                         .kube = &kube,
                                                                         .metrics = &metrics,
                                                                         .pod_namespace = "driver",
                                                                         .token_file = token_file,
                                                                         .cluster_name = "k8s-1"});
  }

  // Options every entry of provider "vault" must have.
  static Json DriverEntry() {
    return {{"encryptionKMSType", "vault"},
            {"vaultAddress", "https://vault:8200"},
            {"vaultAuthPath", "/v1/auth/kubernetes/login"},
            {"vaultRole", "csi-kubernetes"},
            {"vaultPassphrasePath", "ceph-csi/"}};
  }

  static Json TokensEntry() {
    return {{"encryptionKMSType", "vaulttokens"}, {"vaultAddress", "https://vault:8200"}};
  }

  static Json ServiceAccountEntry() {
    return {{"encryptionKMSType", "vaulttenantsa"}, {"vaultAddress", "https://vault:8200"}};
  }

  Result<std::shared_ptr<kms::Kms>> Open(const Json& options,
                                         const std::string& tenant = "tenant-a") {
    const std::string provider = options.contains("KMS_PROVIDER")
                                     ? options["KMS_PROVIDER"].get<std::string>()
                                     : options["encryptionKMSType"].get<std::string>();
    const vault::Flavour flavour = provider == "vault" ? vault::Flavour::kDriver
                                   : provider == "vaulttokens"
                                       ? vault::Flavour::kTenantToken
                                       : vault::Flavour::kTenantServiceAccount;
    const kms::Provider made = vault::MakeProvider(family, flavour);
    return made.open(
        context(), {.id = "kms-1", .provider = provider, .options = options},
        {.kms_id = "kms-1", .tenant = tenant, .pvc = "data-0", .secrets = request_secrets});
  }

  Context context() { return Context({.clock = &clock}); }

  Context ContextFor(std::chrono::seconds time) { return context().WithTimeout(time); }

  FakeClock clock;
  FakeVault vault;
  FakeKube kube;
  Metrics metrics;
  TempDir dir;
  std::string token_file;
  kms::RequestSecrets request_secrets;
  std::shared_ptr<vault::VaultFamily> family;
};

// The text of a stored DEK, or "CODE" of the error.
inline std::string TextOf(const Result<kms::StoredDek>& stored) {
  return stored.ok() ? std::string(stored->dek.RevealText()) : CodeName(stored.status().code());
}

}  // namespace rbdcrypt::testing
