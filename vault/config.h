// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "kms/config.h"

namespace rbdcrypt::vault {

// The three providers of the family (ceph-csi-compat 6.6).
enum class Flavour {
  // "vault": the driver's own service account, one Vault for everybody.
  kDriver,
  // "vaulttokens": a token from the tenant's Secret.
  kTenantToken,
  // "vaulttenantsa": the tenant's service account.
  kTenantServiceAccount,
};

std::string_view ProviderName(Flavour flavour);

// Options by their camelCase names.
using OptionMap = std::map<std::string, std::string, std::less<>>;

// One entry as written, brought to the camelCase spelling.
struct EntryOptions {
  std::string kms_id;
  Flavour flavour = Flavour::kDriver;
  OptionMap options;
  // Namespace of a tenant -> its options; empty unless honorTenants is true (ADR 16).
  std::map<std::string, OptionMap, std::less<>> tenants;
  // What has no effect, in words, for an administrator.
  std::vector<std::string> warnings;
};

// Reads an entry in either spelling: Rook's upper-case form where the flavour has one and the key
// KMS_PROVIDER is there, and then nothing else counts. Options that the flavour does not know are
// ignored, as ceph-csi does, and said in `warnings`.
// kInvalidArgument: an option that counts is no string; names KMS ID and option.
Result<EntryOptions> ReadEntry(const kms::ConfigEntry& entry, Flavour flavour);

// Which KV engine is at the mount.
enum class Backend { kProbe, kV1, kV2 };

// What the options of one entry mean for one tenant.
struct VaultOptions {
  std::string kms_id;
  Flavour flavour = Flavour::kDriver;
  // One or more; ours: several, separated by commas or white space, are nodes of one cluster.
  std::vector<std::string> addresses;
  Backend backend = Backend::kProbe;
  // Without slashes at the ends: "secret". Backend::kProbe may find the mount above it.
  std::string backend_path;
  // Before the volume ID; without slashes at the ends, "" for none.
  std::string passphrase_path;
  // Namespace of the secrets, a prefix of their paths, and of the login, a header; "" for the root.
  std::string secret_namespace;
  std::string auth_namespace;
  std::string auth_mount;
  std::string role;
  // Whether removing a DEK destroys all versions of it.
  bool destroy_keys = true;
  std::string server_name;
  bool verify = true;
  // For "vault" a key of the request's secrets, else the name of a Secret with key "cert".
  std::string ca_secret;
  std::string client_cert_secret;
  std::string client_key_secret;
  std::string tenant_config_name;
  std::string tenant_token_name;
  std::string tenant_service_account;
  // Of the tenant's service account token; "" and zero leave both to Kubernetes, as ceph-csi does.
  std::string token_audience;
  std::chrono::seconds token_lifetime = std::chrono::seconds::zero();
  // Whether KV v2 secrets get custom metadata.
  bool custom_metadata = false;
};

// Checks the options and puts the defaults of 6.4 where there are none.
// kInvalidArgument names KMS ID and option.
Result<VaultOptions> ResolveOptions(std::string_view kms_id,
                                    Flavour flavour,
                                    const OptionMap& options);

}  // namespace rbdcrypt::vault
