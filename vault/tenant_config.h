// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "vault/config.h"

namespace rbdcrypt::vault {

// What one tenant's options are made of: the entry, then the entry's section `tenants`, then the
// tenant's own ConfigMap; the later wins (ceph-csi-compat 6.5). Pure functions.

// Whether a tenant's ConfigMap may set the option. Names of Secrets and of the ConfigMap itself are
// the administrator's alone.
bool TenantMaySet(Flavour flavour, std::string_view option);

// The options of `entry` with those of its section for `tenant`, if it has one.
OptionMap WithTenantSection(const EntryOptions& entry, std::string_view tenant);

// Options and what of a ConfigMap had no effect, in words.
struct Layered {
  OptionMap options;
  std::vector<std::string> warnings;
};

// `base` with what the tenant may set of `config_map`. A key that no tenant may set has no effect,
// as in ceph-csi, and is said in `warnings`; so is vaultCAFromSecret, which ceph-csi accepts
// without effect: certificates come from the entry's names alone.
//
// In both layers a vaultNamespace becomes the auth namespace, too, unless the layer sets its own or
// the layers below have one that differs from their vaultNamespace.
Layered WithTenantConfigMap(Flavour flavour,
                            const OptionMap& base,
                            const std::map<std::string, std::string>& config_map);

}  // namespace rbdcrypt::vault
