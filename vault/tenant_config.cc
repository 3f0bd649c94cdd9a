// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/tenant_config.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "vault/names.h"

namespace rbdcrypt::vault {
namespace {

constexpr std::array kAllowedForBoth = {kAddress,   kBackend,     kBackendPath,   kAuthNamespace,
                                        kNamespace, kDestroyKeys, kTlsServerName, kCaVerify};
constexpr std::array kAllowedForServiceAccounts = {kTenantSaName, kAuthPath, kRole};

template <typename Names>
bool Has(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::string_view Get(const OptionMap& options, std::string_view name) {
  const auto found = options.find(name);
  return found == options.end() ? std::string_view() : std::string_view(found->second);
}

// Lays `layer` over `options`.
void Overlay(OptionMap& options, const OptionMap& layer) {
  const std::string_view auth = Get(options, kAuthNamespace);
  const bool auth_follows = auth.empty() || auth == Get(options, kNamespace);
  if (auth_follows && layer.contains(kNamespace)) {
    // Absent, it is resolved to the namespace that counts in the end.
    if (const auto found = options.find(kAuthNamespace); found != options.end()) {
      options.erase(found);
    }
  }
  for (const auto& [name, value] : layer) {
    options[name] = value;
  }
}

}  // namespace

bool TenantMaySet(Flavour flavour, std::string_view option) {
  if (flavour == Flavour::kDriver) {
    return false;
  }
  return Has(kAllowedForBoth, option) ||
         (flavour == Flavour::kTenantServiceAccount && Has(kAllowedForServiceAccounts, option));
}

OptionMap WithTenantSection(const EntryOptions& entry, std::string_view tenant) {
  OptionMap options = entry.options;
  if (const auto section = entry.tenants.find(tenant); section != entry.tenants.end()) {
    Overlay(options, section->second);
  }
  return options;
}

Layered WithTenantConfigMap(Flavour flavour,
                            const OptionMap& base,
                            const std::map<std::string, std::string>& config_map) {
  Layered layered{.options = base, .warnings = {}};
  OptionMap layer;
  for (const auto& [name, value] : config_map) {
    if (TenantMaySet(flavour, name)) {
      layer.emplace(name, value);
    } else if (name == kCaFromSecret) {
      layered.warnings.push_back(Cat("the key ", name,
                                     " has no effect: the administrator's configuration says in "
                                     "which Secret the CA is, and that one may stand in this "
                                     "namespace"));
    } else {
      layered.warnings.push_back(Cat("the key ", name,
                                     " has no effect: a tenant may not set it for provider \"",
                                     ProviderName(flavour), "\""));
    }
  }
  Overlay(layered.options, layer);
  return layered;
}

}  // namespace rbdcrypt::vault
