// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/opening.h"

#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "net/certificates.h"
#include "net/tls_options.h"
#include "vault/jwt.h"
#include "vault/kv1_dek_store.h"
#include "vault/kv2_dek_store.h"
#include "vault/names.h"
#include "vault/secret_token.h"
#include "vault/tenant_config.h"

namespace rbdcrypt::vault {
namespace {

constexpr std::string_view kIgnoredReason = "KeyManagerOptionIgnored";
constexpr std::string_view kKeyReason = "KeyManagerWarning";
constexpr std::string_view kTlsReason = "KeyManagerNotVerified";

class Opening {
 public:
  Opening(const Context& context, VaultFamily& family, const OpeningRequest& request)
      : context_(context), family_(family), request_(request) {}

  Result<std::unique_ptr<OpenStore>> Open();

 private:
  bool HasTenant() const { return request_.entry.flavour != Flavour::kDriver; }

  Kube& kube() const { return *family_.options().kube; }

  std::string Named() const { return Cat("KMS \"", request_.entry.kms_id, "\""); }

  Result<VaultOptions> TenantOptions();
  Result<net::TlsOptions> Tls(const VaultOptions& options);
  Result<Secret> CertificatePart(const std::string& secret_name,
                                 std::string_view key,
                                 std::string_view option);
  Result<std::string> Certificates(const std::string& secret_name, std::string_view option);
  void WarnOfWeakTransport(const VaultOptions& options);
  Result<std::shared_ptr<TokenHolder>> Tokens(const VaultOptions& options,
                                              const std::string& client_fingerprint,
                                              const std::shared_ptr<Client>& client);
  std::unique_ptr<kms::DekStore> Store(const VaultOptions& options,
                                       const std::string& server_key,
                                       Kv& kv);
  void Warn(const std::string& ns, std::string_view reason, std::string_view text);

  const Context& context_;
  VaultFamily& family_;
  const OpeningRequest& request_;
};

void Opening::Warn(const std::string& ns, std::string_view reason, std::string_view text) {
  family_.warnings().Raise(context_.clock(), ns, reason, text);
}

Result<VaultOptions> Opening::TenantOptions() {
  const EntryOptions& entry = request_.entry;
  OptionMap options = WithTenantSection(entry, request_.tenant);
  if (HasTenant()) {
    // Of the administrator's layers: where the tenant's own is.
    ASSIGN_OR_RETURN(const VaultOptions upper,
                     ResolveOptions(entry.kms_id, entry.flavour, options));
    const Result<std::map<std::string, std::string>> config_map =
        kube().FindConfigMap(context_, request_.tenant, upper.tenant_config_name);
    if (config_map.ok()) {
      Layered layered = WithTenantConfigMap(entry.flavour, options, *config_map);
      for (const std::string& warning : layered.warnings) {
        Warn(request_.tenant, kIgnoredReason,
             Cat("ConfigMap ", upper.tenant_config_name, ": ", warning));
      }
      options = std::move(layered.options);
    } else if (config_map.status().code() != Code::kNotFound) {
      return Annotate(config_map.status(), Cat(Named(), ": read ConfigMap ", request_.tenant, "/",
                                               upper.tenant_config_name));
    }
  }
  Result<VaultOptions> resolved = ResolveOptions(entry.kms_id, entry.flavour, options);
  return resolved.ok() || !HasTenant()
             ? std::move(resolved)
             : Annotate(resolved.status(), Cat("for tenant ", request_.tenant));
}

// One half of a certificate: from the tenant's Secret, else from that of the same name beside this
// pod (ceph-csi-compat 6.5).
Result<Secret> Opening::CertificatePart(const std::string& secret_name,
                                        std::string_view key,
                                        std::string_view option) {
  const std::string& pod_namespace = family_.options().pod_namespace;
  for (const std::string& ns : {request_.tenant, pod_namespace}) {
    Result<std::map<std::string, Secret>> secret = kube().GetSecret(context_, ns, secret_name);
    if (secret.status().code() == Code::kNotFound) {
      continue;
    }
    if (!secret.ok()) {
      return Annotate(secret.status(), Cat(Named(), ".", option));
    }
    const auto found = secret->find(std::string(key));
    if (found == secret->end() || found->second.empty()) {
      return InvalidArgument(Cat(Named(), ".", option, ": Secret ", ns, "/", secret_name,
                                 " has no key \"", key, "\""));
    }
    return std::move(found->second);
  }
  return InvalidArgument(Cat(Named(), ".", option, ": there is no Secret ", secret_name, " in ",
                             request_.tenant, " or ", pod_namespace));
}

Result<std::string> Opening::Certificates(const std::string& secret_name, std::string_view option) {
  ASSIGN_OR_RETURN(const Secret pem, CertificatePart(secret_name, kCertKey, option));
  return net::CertificatesIn(
      pem, Cat(Named(), ".", option, ": Secret ", secret_name, ", key \"", kCertKey, "\""));
}

void Opening::WarnOfWeakTransport(const VaultOptions& options) {
  const std::string& ns = HasTenant() ? request_.tenant : family_.options().pod_namespace;
  if (!options.verify) {
    Warn(ns, kTlsReason,
         Cat(Named(), ": ", kCaVerify, " is off: whoever stands between this node and Vault at ",
             Join(options.addresses, ", "), " can read every key"));
  }
  for (const std::string& address : options.addresses) {
    if (address.starts_with(kPlainScheme)) {
      Warn(
          ns, kTlsReason,
          Cat(Named(), ": ", kAddress, " ", address, " is plain HTTP: whoever stands between this ",
              "node and Vault can read every key; use https://"));
    }
  }
}

Result<net::TlsOptions> Opening::Tls(const VaultOptions& options) {
  net::TlsOptions tls;
  tls.server_name = options.server_name;
  tls.verify = options.verify;
  WarnOfWeakTransport(options);
  if (!HasTenant()) {
    ASSIGN_OR_RETURN(tls.ca_pem, request_.request_ca);
    return tls;
  }
  if (!options.ca_secret.empty()) {
    ASSIGN_OR_RETURN(tls.ca_pem, Certificates(options.ca_secret, kCaFromSecret));
  }
  if (!options.client_cert_secret.empty()) {
    tls.client.emplace();
    ASSIGN_OR_RETURN(tls.client->certificate_pem,
                     Certificates(options.client_cert_secret, kClientCert));
    ASSIGN_OR_RETURN(tls.client->key_pem,
                     CertificatePart(options.client_key_secret, kKeyKey, kClientKey));
  }
  return tls;
}

// Who asks; the driver's own account stands for no tenant (safety E4).
Result<std::shared_ptr<TokenHolder>> Opening::Tokens(const VaultOptions& options,
                                                     const std::string& client_fingerprint,
                                                     const std::shared_ptr<Client>& client) {
  if (options.flavour == Flavour::kTenantToken) {
    return std::make_shared<SecretToken>(kube(), request_.tenant, options.tenant_token_name);
  }
  LoginPlace place{.mount = options.auth_mount,
                   .role = options.role,
                   .namespaces = {options.secret_namespace},
                   .account = "this driver's service account"};
  // Both, in the order of ADR 17.
  if (options.auth_namespace != options.secret_namespace) {
    place.namespaces.push_back(options.auth_namespace);
  }
  JwtSource jwt = FileJwt(family_.options().token_file);
  if (options.flavour == Flavour::kTenantServiceAccount) {
    place.account =
        Cat("ServiceAccount ", request_.tenant, "/", options.tenant_service_account,
            options.token_audience.empty() ? std::string()
                                           : Cat(" (audience ", options.token_audience, ")"));
    jwt = ServiceAccountJwt(kube(), {.ns = request_.tenant,
                                     .service_account = options.tenant_service_account,
                                     .audience = options.token_audience,
                                     .lifetime = options.token_lifetime});
  }
  return family_.SessionFor(context_.clock(), client_fingerprint, client, std::move(place),
                            std::move(jwt));
}

std::unique_ptr<kms::DekStore> Opening::Store(const VaultOptions& options,
                                              const std::string& server_key,
                                              Kv& kv) {
  if (kv.mount().version == 1) {
    return std::make_unique<Kv1DekStore>(kv);
  }
  Kv2DekStore::Options store{.destroy_keys = options.destroy_keys,
                             .custom_metadata = {},
                             .floor_key = server_key,
                             .warn = {}};
  if (options.custom_metadata) {
    store.custom_metadata.emplace_back("kms", options.kms_id);
    for (const auto& [name, value] :
         {std::pair<std::string_view, std::string>("cluster", family_.options().cluster_name),
          std::pair<std::string_view, std::string>("tenant", request_.tenant),
          std::pair<std::string_view, std::string>("pvc", request_.pvc)}) {
      if (!value.empty()) {
        store.custom_metadata.emplace_back(name, value);
      }
    }
  }
  store.warn = [&family = family_, &clock = context_.clock(), kms = Named(),
                ns = request_.tenant.empty() ? family_.options().pod_namespace
                                             : request_.tenant](std::string_view text) {
    family.warnings().Raise(clock, ns, kKeyReason, Cat(kms, ": ", text));
  };
  return std::make_unique<Kv2DekStore>(kv, family_.floors(), std::move(store));
}

Result<std::unique_ptr<OpenStore>> Opening::Open() {
  for (const std::string& warning : request_.entry.warnings) {
    Warn(family_.options().pod_namespace, kIgnoredReason, warning);
  }
  ASSIGN_OR_RETURN(const VaultOptions options, TenantOptions());
  ASSIGN_OR_RETURN(const net::TlsOptions tls, Tls(options));
  std::string fingerprint;
  Result<std::shared_ptr<Client>> client =
      family_.ClientFor(context_.clock(), options, tls, &fingerprint);
  if (!client.ok()) {
    return Annotate(client.status(), Cat(Named(), ": look at the options ", kAddress, ", ",
                                         kCaFromSecret, " and ", kClientCert));
  }
  ASSIGN_OR_RETURN(std::shared_ptr<TokenHolder> tokens, Tokens(options, fingerprint, *client));
  AuthorizedClient authorized(*client, std::move(tokens),
                              {.kms_id = options.kms_id,
                               .auth_namespace = options.auth_namespace,
                               .server_key = fingerprint,
                               .urgency = request_.urgency});
  ASSIGN_OR_RETURN(KvMount mount, family_.mounts().Find(context_, authorized, options));
  auto opened =
      std::make_unique<OpenStore>(std::move(authorized), std::move(mount), options.passphrase_path);
  opened->store = Store(options, fingerprint, opened->kv);
  if (options.backend == Backend::kProbe) {
    opened->forget_mount = [&family = family_, fingerprint, options] {
      family.mounts().Forget(fingerprint, options);
    };
  }
  return opened;
}

}  // namespace

Result<std::unique_ptr<OpenStore>> OpenDekStore(const Context& context,
                                                VaultFamily& family,
                                                const OpeningRequest& request) {
  return Opening(context, family, request).Open();
}

}  // namespace rbdcrypt::vault
