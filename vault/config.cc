// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/config.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "kms/names.h"
#include "net/url.h"
#include "vault/names.h"

namespace rbdcrypt::vault {
namespace {

// Kubernetes grants no service account token for less (TokenRequest, expirationSeconds).
constexpr std::chrono::seconds kShortestLifetime = std::chrono::minutes(10);

constexpr std::array kForAll = {kAddress,       kBackend,       kBackendPath, kNamespace,
                                kAuthNamespace, kDestroyKeys,   kCaVerify,    kCaFromSecret,
                                kTlsServerName, kCustomMetadata};
constexpr std::array kForDriver = {kPassphraseRoot, kPassphrasePath, kAuthPath, kRole};
constexpr std::array kForTenants = {kClientCert, kClientKey, kTenantConfigName, kHonorTenants};
constexpr std::array kForTokens = {kTenantTokenName};
constexpr std::array kForServiceAccounts = {kTenantSaName, kAuthPath, kRole, kTokenAudience,
                                            kTokenLifetime};

// Rook's names and ours; skip-verify is apart, its sense is the opposite (6.4).
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kRookNames = {{
    {"VAULT_ADDR", kAddress},
    {"VAULT_BACKEND", kBackend},
    {"VAULT_BACKEND_PATH", kBackendPath},
    {"VAULT_NAMESPACE", kNamespace},
    {"VAULT_AUTH_NAMESPACE", kAuthNamespace},
    {"VAULT_DESTROY_KEYS", kDestroyKeys},
    {"VAULT_TLS_SERVER_NAME", kTlsServerName},
    {"VAULT_CACERT", kCaFromSecret},
    {"VAULT_CLIENT_CERT", kClientCert},
    {"VAULT_CLIENT_KEY", kClientKey},
}};
constexpr std::string_view kRookSkipVerify = "VAULT_SKIP_VERIFY";

// Go's strconv.ParseBool, with which ceph-csi reads these.
std::optional<bool> ParseGoBool(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) {
      return true;
    }
  }
  for (const std::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) {
      return false;
    }
  }
  return std::nullopt;
}

// "600", "600s", "10m", "1h".
std::optional<std::chrono::seconds> ParseLifetime(std::string_view text) {
  std::int64_t unit = 1;
  if (text.ends_with('s') || text.ends_with('m') || text.ends_with('h')) {
    unit = text.ends_with('h') ? 3600 : (text.ends_with('m') ? 60 : 1);
    text.remove_suffix(1);
  }
  const std::optional<std::uint64_t> number = ParseUint64(text);
  if (!number.has_value() || *number > 1'000'000) {
    return std::nullopt;
  }
  return std::chrono::seconds(static_cast<std::int64_t>(*number) * unit);
}

template <std::size_t kSize>
bool Has(const std::array<std::string_view, kSize>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool Knows(Flavour flavour, std::string_view option) {
  if (Has(kForAll, option)) {
    return true;
  }
  if (flavour == Flavour::kDriver) {
    return Has(kForDriver, option);
  }
  return Has(kForTenants, option) ||
         (flavour == Flavour::kTenantToken ? Has(kForTokens, option)
                                           : Has(kForServiceAccounts, option));
}

bool IsOfEveryEntry(std::string_view option) {
  return option == kms::kProviderOption || option == kms::kProviderOptionUpper ||
         option == kms::kServiceNameOption;
}

std::string Named(std::string_view kms_id) {
  return Cat("KMS \"", kms_id, "\"");
}

// One entry on its way to camelCase.
class EntryReader {
 public:
  EntryReader(const kms::ConfigEntry& entry, Flavour flavour) : entry_(entry) {
    read_.kms_id = entry.id;
    read_.flavour = flavour;
  }

  Result<EntryOptions> Read() && {
    const bool is_rook = read_.flavour != Flavour::kDriver &&
                         entry_.options.contains(std::string(kms::kProviderOptionUpper));
    if (is_rook) {
      RETURN_IF_ERROR(ReadRook());
    } else {
      RETURN_IF_ERROR(ReadObject(entry_.options, Named(entry_.id), read_.options));
      RETURN_IF_ERROR(ReadTenants());
    }
    return std::move(read_);
  }

 private:
  Status ReadRook() {
    const std::string what = Named(entry_.id);
    for (const auto& [rook, name] : kRookNames) {
      ASSIGN_OR_RETURN(const auto value, OptionalString(entry_.options, rook, what));
      if (value.has_value() && !value->empty()) {
        read_.options.emplace(name, *value);
      }
    }
    ASSIGN_OR_RETURN(const auto skip, OptionalString(entry_.options, kRookSkipVerify, what));
    const std::optional<bool> skips = ParseGoBool(skip.value_or("").empty() ? "false" : *skip);
    if (!skips.has_value()) {
      return InvalidArgument(Cat(what, ".", kRookSkipVerify, " is neither true nor false"));
    }
    read_.options.emplace(kCaVerify, *skips ? "false" : "true");
    for (const auto& [name, unused] : entry_.options.items()) {
      if (!IsRook(name)) {
        read_.warnings.push_back(Cat(what, ": the option ", name, " has no effect beside ",
                                     kms::kProviderOptionUpper,
                                     ", with which only upper-case options count"));
      }
    }
    return OkStatus();
  }

  static bool IsRook(std::string_view name) {
    return IsOfEveryEntry(name) || name == kRookSkipVerify ||
           std::ranges::any_of(kRookNames, [&](const auto& pair) { return pair.first == name; });
  }

  // The options of one object; `what` names it in texts.
  Status ReadObject(const Json& object, const std::string& what, OptionMap& into) {
    for (const auto& [name, unused] : object.items()) {
      if (IsOfEveryEntry(name) || (name == kTenants && read_.flavour != Flavour::kDriver)) {
        continue;
      }
      if (!Knows(read_.flavour, name)) {
        read_.warnings.push_back(Cat(what, ": the option ", name, " has no effect, for provider \"",
                                     ProviderName(read_.flavour), "\" does not know it"));
        continue;
      }
      ASSIGN_OR_RETURN(const auto value, OptionalString(object, name, what));
      if (value.has_value()) {
        into.emplace(name, *value);
      }
    }
    return OkStatus();
  }

  Status ReadTenants() {
    const std::string what = Named(entry_.id);
    const auto tenants = entry_.options.find(std::string(kTenants));
    if (read_.flavour == Flavour::kDriver || tenants == entry_.options.end() ||
        tenants->is_null()) {
      return OkStatus();
    }
    const auto honor = read_.options.find(kHonorTenants);
    const std::string text = honor == read_.options.end() ? "false" : honor->second;
    const std::optional<bool> is_honored = ParseGoBool(text);
    if (!is_honored.has_value()) {
      return InvalidArgument(Cat(what, ".", kHonorTenants, " is neither true nor false"));
    }
    if (!*is_honored) {
      read_.warnings.push_back(Cat(what, ": the section ", kTenants,
                                   " has no effect, as in ceph-csi; to have it honored set ",
                                   kHonorTenants, " to \"true\""));
      return OkStatus();
    }
    if (!tenants->is_object()) {
      return InvalidArgument(Cat(what, ".", kTenants, " is no object of namespaces"));
    }
    for (const auto& [tenant, options] : tenants->items()) {
      const std::string where = Cat(what, ".", kTenants, ".", tenant);
      if (!options.is_object()) {
        return InvalidArgument(Cat(where, " is no object of options"));
      }
      RETURN_IF_ERROR(ReadObject(options, where, read_.tenants[tenant]));
    }
    return OkStatus();
  }

  const kms::ConfigEntry& entry_;
  EntryOptions read_;
};

std::string TrimSlashes(std::string_view text) {
  while (text.starts_with('/')) {
    text.remove_prefix(1);
  }
  while (text.ends_with('/')) {
    text.remove_suffix(1);
  }
  return std::string(text);
}

// "/v1/auth/a/b/login" is the mount a/b; a text without those words is the mount itself (6.4).
std::string AuthMount(std::string_view path) {
  std::vector<std::string> mount;
  bool is_inside = false;
  for (const std::string& part : Split(path, '/')) {
    if (part == "auth") {
      is_inside = true;
      continue;
    }
    if (part == "login") {
      break;
    }
    if (is_inside && !part.empty()) {
      mount.push_back(part);
    }
  }
  return mount.empty() ? TrimSlashes(path) : Join(mount, "/");
}

std::vector<std::string> SplitAddresses(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c == ' ' || c == '\t' || c == '\n'; }, ',');
  std::vector<std::string> addresses;
  for (std::string& part : Split(text, ',')) {
    if (!part.empty() && std::ranges::find(addresses, part) == addresses.end()) {
      addresses.push_back(std::move(part));
    }
  }
  return addresses;
}

class OptionResolver {
 public:
  OptionResolver(std::string_view kms_id, Flavour flavour, const OptionMap& options)
      : options_(options) {
    resolved_.kms_id = kms_id;
    resolved_.flavour = flavour;
  }

  Result<VaultOptions> Resolve() && {
    RETURN_IF_ERROR(ResolveAddresses());
    RETURN_IF_ERROR(ResolvePaths());
    RETURN_IF_ERROR(ResolveLogin());
    ResolveNamespaces();
    RETURN_IF_ERROR(ResolveTls());
    resolved_.destroy_keys = Text(kDestroyKeys, "true") == "true";
    ASSIGN_OR_RETURN(resolved_.custom_metadata, Bool(kCustomMetadata, false));
    resolved_.tenant_config_name = Text(kTenantConfigName, kDefaultTenantConfigName);
    resolved_.tenant_token_name = Text(kTenantTokenName, kDefaultTenantTokenName);
    return std::move(resolved_);
  }

 private:
  // An empty value is as good as none, unless Required() says otherwise.
  std::string Text(std::string_view option, std::string_view otherwise) const {
    const auto found = options_.find(option);
    return std::string(found == options_.end() || found->second.empty() ? otherwise
                                                                        : found->second);
  }

  Result<bool> Bool(std::string_view option, bool otherwise) const {
    const auto found = options_.find(option);
    if (found == options_.end()) {
      return otherwise;
    }
    const std::optional<bool> value = ParseGoBool(found->second);
    if (!value.has_value()) {
      return InvalidArgument(Cat(Named(resolved_.kms_id), ".", option,
                                 " is neither true nor false; write \"true\" or \"false\""));
    }
    return *value;
  }

  Status Required(std::string_view option, bool may_be_empty) const {
    const auto found = options_.find(option);
    if (found == options_.end() || (found->second.empty() && !may_be_empty)) {
      return InvalidArgument(Cat(Named(resolved_.kms_id), " needs the option ", option));
    }
    return OkStatus();
  }

  Status ResolveAddresses() {
    RETURN_IF_ERROR(Required(kAddress, /*may_be_empty=*/false));
    resolved_.addresses = SplitAddresses(Text(kAddress, ""));
    if (resolved_.addresses.empty()) {
      return InvalidArgument(Cat(Named(resolved_.kms_id), ".", kAddress, " names no address"));
    }
    for (const std::string& address : resolved_.addresses) {
      const Result<net::Url> url = net::ParseUrl(address);
      if (!url.ok()) {
        return Annotate(url.status(), Cat(Named(resolved_.kms_id), ".", kAddress));
      }
    }
    return OkStatus();
  }

  Status ResolvePaths() {
    const std::string backend = Text(kBackend, "");
    resolved_.backend = backend == "kv"      ? Backend::kV1
                        : backend == "kv-v2" ? Backend::kV2
                                             : Backend::kProbe;
    std::string path = Text(kBackendPath, kDefaultBackendPath);
    if (resolved_.flavour == Flavour::kDriver) {
      path = Text(kPassphraseRoot, path);
      if (path.starts_with("/v1/")) {
        path.erase(0, 4);
      }
      // Must be there in spite of a default (6.4).
      RETURN_IF_ERROR(Required(kPassphrasePath, /*may_be_empty=*/true));
      resolved_.passphrase_path = TrimSlashes(Text(kPassphrasePath, ""));
    }
    resolved_.backend_path = TrimSlashes(path);
    if (resolved_.backend_path.empty()) {
      return InvalidArgument(Cat(Named(resolved_.kms_id), ".", kBackendPath, " names no mount"));
    }
    return OkStatus();
  }

  Status ResolveLogin() {
    if (resolved_.flavour == Flavour::kDriver) {
      RETURN_IF_ERROR(Required(kAuthPath, /*may_be_empty=*/false));
      RETURN_IF_ERROR(Required(kRole, /*may_be_empty=*/false));
    }
    resolved_.auth_mount = AuthMount(Text(kAuthPath, kDefaultAuthMount));
    resolved_.role = Text(kRole, kDefaultRole);
    resolved_.tenant_service_account = Text(kTenantSaName, kDefaultTenantSaName);
    resolved_.token_audience = Text(kTokenAudience, "");
    const std::string lifetime = Text(kTokenLifetime, "");
    if (!lifetime.empty()) {
      const std::optional<std::chrono::seconds> seconds = ParseLifetime(lifetime);
      if (!seconds.has_value() || *seconds < kShortestLifetime) {
        return InvalidArgument(Cat(Named(resolved_.kms_id), ".", kTokenLifetime,
                                   " is no time of ten minutes or more: \"10m\", \"1h\""));
      }
      resolved_.token_lifetime = *seconds;
    }
    return OkStatus();
  }

  void ResolveNamespaces() {
    resolved_.secret_namespace = TrimSlashes(Text(kNamespace, ""));
    resolved_.auth_namespace = TrimSlashes(Text(kAuthNamespace, resolved_.secret_namespace));
  }

  Status ResolveTls() {
    ASSIGN_OR_RETURN(resolved_.verify, Bool(kCaVerify, true));
    resolved_.server_name = Text(kTlsServerName, "");
    resolved_.ca_secret = Text(kCaFromSecret, "");
    resolved_.client_cert_secret = Text(kClientCert, "");
    resolved_.client_key_secret = Text(kClientKey, "");
    if (resolved_.client_cert_secret.empty() != resolved_.client_key_secret.empty()) {
      return InvalidArgument(Cat(Named(resolved_.kms_id), " has only one of ", kClientCert, " and ",
                                 kClientKey, ": set both or neither"));
    }
    return OkStatus();
  }

  const OptionMap& options_;
  VaultOptions resolved_;
};

}  // namespace

std::string_view ProviderName(Flavour flavour) {
  switch (flavour) {
    case Flavour::kDriver:
      return kVaultProvider;
    case Flavour::kTenantToken:
      return kTokensProvider;
    case Flavour::kTenantServiceAccount:
      return kTenantSaProvider;
  }
  return "";
}

Result<EntryOptions> ReadEntry(const kms::ConfigEntry& entry, Flavour flavour) {
  return EntryReader(entry, flavour).Read();
}

Result<VaultOptions> ResolveOptions(std::string_view kms_id,
                                    Flavour flavour,
                                    const OptionMap& options) {
  return OptionResolver(kms_id, flavour, options).Resolve();
}

}  // namespace rbdcrypt::vault
