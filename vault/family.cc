// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/family.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/fingerprint.h"
#include "base/strings.h"

namespace rbdcrypt::vault {
namespace {

std::string NameOf(const VaultOptions& options, const net::TlsOptions& tls) {
  Fingerprint print;
  for (const std::string& address : options.addresses) {
    print.Add(address);
  }
  print.Add(tls.ca_pem).Add(tls.server_name).Add(tls.verify ? "verified" : "not verified");
  if (tls.client.has_value()) {
    print.Add(tls.client->certificate_pem).Add(tls.client->key_pem);
  }
  return std::move(print).Take();
}

}  // namespace

VaultFamily::VaultFamily(Options options)
    : options_(std::move(options)), warnings_(options_.kube) {}

Result<std::shared_ptr<Client>> VaultFamily::ClientFor(const Clock& clock,
                                                       const VaultOptions& options,
                                                       const net::TlsOptions& tls,
                                                       std::string* fingerprint) {
  *fingerprint = NameOf(options, tls);
  return clients_.Get(clock, *fingerprint, [&]() -> Result<std::shared_ptr<Client>> {
    ASSIGN_OR_RETURN(std::shared_ptr<Server> server,
                     Server::New(options.addresses, tls, options_.http, options_.server));
    CountWeakTransport(options, tls);
    return std::make_shared<Client>(std::move(server), options_.retry);
  });
}

void VaultFamily::CountWeakTransport(const VaultOptions& options, const net::TlsOptions& tls) {
  if (options_.metrics == nullptr) {
    return;
  }
  if (!tls.verify) {
    options_.metrics->CountEvent("tls_not_verified");
  }
  const auto is_plain = [](const std::string& address) {
    return address.starts_with(kPlainScheme);
  };
  if (std::any_of(options.addresses.begin(), options.addresses.end(), is_plain)) {
    options_.metrics->CountEvent("vault_plain_http");
  }
}

std::shared_ptr<LoginSession> VaultFamily::SessionFor(const Clock& clock,
                                                      const std::string& client_fingerprint,
                                                      std::shared_ptr<Client> client,
                                                      LoginPlace place,
                                                      JwtSource jwt) {
  Fingerprint print;
  print.Add(client_fingerprint).Add(place.mount).Add(place.role).Add(place.account);
  for (const std::string& ns : place.namespaces) {
    print.Add(ns);
  }
  const std::string key = std::move(print).Take();
  // Making one cannot fail.
  return *sessions_.Get(clock, key, [&]() -> Result<std::shared_ptr<LoginSession>> {
    return std::make_shared<LoginSession>(std::move(client), std::move(place), std::move(jwt));
  });
}

void VaultFamily::Close(const Context& context) {
  for (const std::shared_ptr<LoginSession>& session : sessions_.TakeAll()) {
    session->Revoke(context);
  }
}

}  // namespace rbdcrypt::vault
