// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/keyed_cache.h"
#include "base/status.h"
#include "k8s/client.h"
#include "kmip/abilities.h"
#include "kmip/client.h"
#include "kmip/config.h"
#include "kmip/credentials.h"
#include "kmip/kek_cache.h"
#include "kms/limiter.h"
#include "net/byte_stream.h"
#include "net/endpoint.h"
#include "net/tls_options.h"

namespace rbdcrypt::kmip {

// What is kept of one key manager between calls: its connections, what was learnt of its servers,
// and KEKs that were fetched.
struct KeptClient {
  KeptClient(std::vector<std::unique_ptr<net::Dialer>> servers,
             const ClientOptions& options,
             std::chrono::seconds kek_lifetime)
      : client(std::move(servers), options), keks(kek_lifetime) {}

  Client client;
  ServerMemory memory;
  KekCache keks;
};

// An entry with which one can work.
struct OpenedEntry {
  KmipOptions options;
  // UNIQUE_IDENTIFIER: what wraps, and unwraps what does not say by what it was wrapped.
  std::string key_id;
  std::shared_ptr<KeptClient> kept;
  kms::Urgency urgency = kms::Urgency::kMount;

  Status Run(const Context& context, const std::function<Status(Session& session)>& work) const {
    return kept->client.Run(context, urgency, work);
  }
};

// Makes the way to one server; net::TlsDialer::New in the end.
using DialerFactory = std::function<Result<std::unique_ptr<net::Dialer>>(
    const net::Endpoint& endpoint, const net::TlsOptions& tls)>;

// What provider "kmip" keeps between calls, one per process. Entries with the same servers,
// credentials and time-outs share it, whatever their KMS IDs are. Thread safe.
class KmipFamily {
 public:
  struct Options {
    DialerFactory dial;
    // Null where there is no Kubernetes: only entries with KMIP_CREDENTIALS_DIR work then. Must
    // outlive the family.
    k8s::Client* kubernetes = nullptr;
    // Namespace of this pod, where the Secret is.
    std::string pod_namespace = {};
    // Its time-outs are those of the entry.
    ClientOptions client = {};
  };

  explicit KmipFamily(Options options) : options_(std::move(options)) {}

  // Reads the credentials and finds the client that belongs to them, or makes one; asks no key
  // manager. Errors: those of ReadCredentials(); kInvalidArgument: a certificate or key is
  // unusable.
  Result<std::shared_ptr<const OpenedEntry>> Open(const Context& context,
                                                  const KmipOptions& options,
                                                  kms::Urgency urgency);

  // Wipes kept KEKs and lets connections end with their last user; at the end of the process.
  void Close();

  const Options& options() const { return options_; }

 private:
  Result<std::shared_ptr<KeptClient>> Make(const KmipOptions& options,
                                           const net::TlsOptions& tls) const;

  const Options options_;
  KeyedCache<KeptClient> clients_;
};

}  // namespace rbdcrypt::kmip
