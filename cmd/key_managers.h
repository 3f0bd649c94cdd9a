// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/metrics.h"
#include "cmd/kubernetes.h"
#include "cmd/options.h"
#include "cmd/vault_kube.h"
#include "kmip/family.h"
#include "kms/config.h"
#include "kms/config_map_source.h"
#include "kms/registry.h"
#include "kms/scrypt.h"
#include "vault/family.h"

namespace rbdcrypt::cmd {

// Of KMS_CONFIGMAP_NAME, or its default (ceph-csi-compat 6.1).
std::string KmsConfigMapName();

// The key managers of one process: where their entries come from, and the table of providers, which
// is the only place that names them all.
class KeyManagers {
 public:
  struct Options {
    // As DriverOptions has them.
    std::string config_file = {};
    std::string vault_token_file = {};
    std::string cluster_name = {};
    // Runs on a thread of its own when the entries in Kubernetes may have changed.
    std::function<void()> changed = {};
  };

  // `kubernetes` may be null: entries come from the file alone then, and what a tenant has in
  // Kubernetes is out of reach. Both must outlive it.
  KeyManagers(const Options& options, Kubernetes* kubernetes, Metrics& metrics);

  kms::ConfigSource& config() { return config_; }

  // For calls that somebody waits for.
  kms::Registry& registry() { return registry_; }

  // The same for what nobody waits for: a key manager's limited seats go to the others first.
  kms::Registry& background_registry() { return background_; }

  // For the end: wipes kept KEKs and gives login tokens back to their Vault, best effort, for two
  // seconds at most, and lets the watches end meanwhile.
  void Close();

 private:
  kms::FileConfigSource file_;
  // Both null without Kubernetes.
  const std::unique_ptr<kms::ConfigMapSource> config_maps_;
  const std::unique_ptr<VaultKube> vault_kube_;
  kms::FileFirstSource config_;
  const std::shared_ptr<vault::VaultFamily> vault_;
  const std::shared_ptr<kmip::KmipFamily> kmip_;
  const std::shared_ptr<kms::ScryptGate> gate_;
  kms::Registry registry_;
  kms::Registry background_;
};

}  // namespace rbdcrypt::cmd
