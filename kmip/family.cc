// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/family.h"

#include <chrono>
#include <utility>

#include "base/fingerprint.h"
#include "base/strings.h"
#include "kmip/names.h"

namespace rbdcrypt::kmip {
namespace {

std::string NameOf(const KmipOptions& options, const net::TlsOptions& tls) {
  Fingerprint print;
  for (const net::Endpoint& endpoint : options.endpoints) {
    print.Add(endpoint.Text());
  }
  print.Add("")
      .Add(tls.ca_pem)
      .Add(tls.client->certificate_pem)
      .Add(tls.client->key_pem)
      .Add(tls.server_name)
      .Add(tls.min_version == net::TlsVersion::k13 ? "1.3" : "1.2");
  for (const std::chrono::seconds time :
       {options.read_timeout, options.write_timeout, options.kek_cache}) {
    print.Add(std::to_string(time.count()));
  }
  return std::move(print).Take();
}

}  // namespace

Result<std::shared_ptr<const OpenedEntry>> KmipFamily::Open(const Context& context,
                                                            const KmipOptions& options,
                                                            kms::Urgency urgency) {
  ASSIGN_OR_RETURN(const Credentials credentials,
                   ReadCredentials(context, options, options_.kubernetes, options_.pod_namespace));
  ASSIGN_OR_RETURN(std::shared_ptr<KeptClient> kept,
                   clients_.Get(context.clock(), NameOf(options, credentials.tls),
                                [&] { return Make(options, credentials.tls); }));
  return std::make_shared<const OpenedEntry>(OpenedEntry{.options = options,
                                                         .key_id = credentials.key_id,
                                                         .kept = std::move(kept),
                                                         .urgency = urgency});
}

Result<std::shared_ptr<KeptClient>> KmipFamily::Make(const KmipOptions& options,
                                                     const net::TlsOptions& tls) const {
  std::vector<std::unique_ptr<net::Dialer>> servers;
  for (const net::Endpoint& endpoint : options.endpoints) {
    Result<std::unique_ptr<net::Dialer>> dialer = options_.dial(endpoint, tls);
    if (!dialer.ok()) {
      return Annotate(dialer.status(), Cat("KMS \"", options.kms_id, "\": look at ", kCaCert, ", ",
                                           kClientCert, " and ", kClientKey, " in ",
                                           CredentialsPlace(options, options_.pod_namespace)));
    }
    servers.push_back(*std::move(dialer));
  }
  ClientOptions client = options_.client;
  client.read_timeout = options.read_timeout;
  client.write_timeout = options.write_timeout;
  return std::make_shared<KeptClient>(std::move(servers), client, options.kek_cache);
}

void KmipFamily::Close() {
  for (const std::shared_ptr<KeptClient>& kept : clients_.TakeAll()) {
    kept->keks.Clear();
  }
}

}  // namespace rbdcrypt::kmip
