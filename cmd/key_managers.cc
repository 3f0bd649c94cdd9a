// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/key_managers.h"

#include <chrono>
#include <cstdlib>
#include <utility>

#include "base/clock.h"
#include "base/context.h"
#include "kmip/kmip_kms.h"
#include "kmip/names.h"
#include "kms/default_secret.h"
#include "kms/local.h"
#include "kms/metadata.h"
#include "kms/names.h"
#include "kms/scrypt.h"
#include "net/curl_http_client.h"
#include "net/tls_dialer.h"
#include "vault/vault_kms.h"

namespace rbdcrypt::cmd {
namespace {

constexpr std::chrono::seconds kCloseWithin(2);

Result<std::unique_ptr<net::HttpClient>> ConnectVault(const net::Url& url,
                                                      const net::TlsOptions& tls) {
  net::CurlHttpClient::Options options;
  // One for each request that may be under way: a new one costs more than the request.
  options.max_kept_connections = vault::ServerLimits().seats;
  options.tls.ca_pem = tls.ca_pem;
  options.tls.server_name = tls.server_name;
  options.tls.verify = tls.verify;
  options.tls.min_version = tls.min_version;
  if (tls.client.has_value()) {
    options.tls.client = {.certificate_pem = tls.client->certificate_pem,
                          .key_pem = tls.client->key_pem.Clone()};
  }
  return net::CurlHttpClient::New(url, std::move(options));
}

std::unique_ptr<kms::ConfigMapSource> WatchConfigMaps(const KeyManagers::Options& options,
                                                      Kubernetes* kubernetes) {
  if (kubernetes == nullptr) {
    return nullptr;
  }
  return std::make_unique<kms::ConfigMapSource>(
      kubernetes->client(), SystemClock(),
      kms::ConfigMapSource::Options{
          .ns = kubernetes->ns(), .name = KmsConfigMapName(), .changed = options.changed});
}

std::unique_ptr<VaultKube> KubeForVault(Kubernetes* kubernetes) {
  return kubernetes == nullptr
             ? nullptr
             : std::make_unique<VaultKube>(kubernetes->client(), kubernetes->events());
}

Result<std::unique_ptr<net::Dialer>> DialKmip(const net::Endpoint& endpoint,
                                              const net::TlsOptions& tls) {
  return net::TlsDialer::New(endpoint, tls, {});
}

// What the providers of both registries share.
struct Kept {
  const std::shared_ptr<vault::VaultFamily>& vault;
  const std::shared_ptr<kmip::KmipFamily>& kmip;
  const std::shared_ptr<kms::ScryptGate>& gate;
};

kms::Providers ProvidersOf(Kubernetes* kubernetes, const Kept& kept, kms::Urgency urgency) {
  k8s::Client* const client = kubernetes == nullptr ? nullptr : &kubernetes->client();
  kms::Providers providers = {
      {"default", {.open = kms::DefaultSecretProvider(), .keeps_deks = true}},
      {"metadata", {.open = kms::MetadataProvider(kept.gate, client), .keeps_deks = false}},
      {"local", {.open = kms::LocalProvider(), .keeps_deks = false}}};
  for (const vault::Flavour flavour : {vault::Flavour::kDriver, vault::Flavour::kTenantToken,
                                       vault::Flavour::kTenantServiceAccount}) {
    providers.emplace(vault::ProviderName(flavour),
                      vault::MakeProvider(kept.vault, flavour, urgency));
  }
  providers.emplace(kmip::kProvider, kmip::MakeProvider(kept.kmip, urgency));
  return providers;
}

}  // namespace

// As ceph-csi has it: a variable that is set but empty counts as absent.
std::string KmsConfigMapName() {
  const char* name = std::getenv(kms::kConfigMapVariable);
  return name == nullptr || *name == '\0' ? std::string(kms::kConfigMapName) : name;
}

KeyManagers::KeyManagers(const Options& options, Kubernetes* kubernetes, Metrics& metrics)
    : file_(options.config_file),
      config_maps_(WatchConfigMaps(options, kubernetes)),
      vault_kube_(KubeForVault(kubernetes)),
      config_(file_, config_maps_.get()),
      vault_(std::make_shared<vault::VaultFamily>(vault::VaultFamily::Options{
          .http = ConnectVault,
          .kube = vault_kube_.get(),
          .metrics = &metrics,
          .pod_namespace = kubernetes == nullptr ? std::string() : kubernetes->ns(),
          .token_file = options.vault_token_file,
          .cluster_name = options.cluster_name})),
      kmip_(std::make_shared<kmip::KmipFamily>(kmip::KmipFamily::Options{
          .dial = DialKmip,
          .kubernetes = kubernetes == nullptr ? nullptr : &kubernetes->client(),
          .pod_namespace = kubernetes == nullptr ? std::string() : kubernetes->ns()})),
      gate_(std::make_shared<kms::ScryptGate>(kms::ScryptGate::OnePerCore())),
      registry_(
          config_, ProvidersOf(kubernetes, {vault_, kmip_, gate_}, kms::Urgency::kMount), &metrics),
      background_(config_,
                  ProvidersOf(kubernetes, {vault_, kmip_, gate_}, kms::Urgency::kBackground),
                  &metrics) {}

void KeyManagers::Close() {
  if (config_maps_ != nullptr) {
    config_maps_->AskToStop();
  }
  kmip_->Close();
  vault_->Close(Context::Background().WithTimeout(kCloseWithin));
}

}  // namespace rbdcrypt::cmd
