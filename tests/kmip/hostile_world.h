// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "kmip/client.h"
#include "kmip/tags.h"
#include "net/tls_options.h"
#include "tests/fakes/fake_kmip.h"
#include "tests/fakes/server_tls.h"
#include "tests/fakes/tls_server.h"
#include "tests/support/test_certificates.h"

namespace rbdcrypt::testing {

// No call of these tests may take longer.
inline constexpr std::chrono::seconds kHostileDeadline(8);

// What a server does instead of sending its answer. Whether it goes on with that connection then;
// else it ends it, if that was not done.
using Deed = std::function<bool(TlsPeer& peer, const std::string& answer)>;

// Serves KMIP on one connection until the client ends it: the questions, which are those for
// attributes, are answered by `deed`, all else as it should be.
void ServeKmip(TlsPeer& peer, FakeKmip& kmip, const Deed& deed);

// Where the value of the first item of that tag stands in a message.
std::size_t ValueOf(const std::string& message, kmip::Tag tag);

// Real TLS servers of the same keys, of which one can be hostile, and a client with short
// time-outs. A test decides who stands behind an address.
class HostileWorld {
 public:
  HostileWorld();
  ~HostileWorld();

  // A client of that many servers. Until Put() says otherwise, all of them are honest.
  void Connect(std::size_t servers);

  // From now on, behind the address of that server there is one that shows `tls` and follows
  // `script`. Connections to its predecessor are lost.
  void Put(std::size_t server, const ServerTls& tls, TlsServer::Script script);
  // One that speaks no TLS.
  void PutPlain(std::size_t server, TlsServer::Script script);
  // One that does `deed`; of TLS 1.2 or 1.3 by OpenSSL's number, 0 for both.
  void PutHostile(std::size_t server, Deed deed, int only_version = 0);
  void PutHonest(std::size_t server);

  // What an honest server shows.
  ServerTls HonestTls() const;

  // One question. Where it was answered is in served_by().
  Status Ask(const Context& context);
  Status Ask();

  // "s0:5696" and so on.
  const std::string& served_by() const { return served_by_; }

  kmip::Client& client() { return *client_; }

  FakeKmip& kmip() { return kmip_; }

  const TestCa& ca() const { return ca_; }

  // The server that stands there now.
  const TlsServer& server(std::size_t index) const;

 private:
  class Address;

  void Place(std::size_t server, std::unique_ptr<TlsServer> tls_server);

  const TestCa ca_;
  FakeKmip kmip_;
  std::vector<std::shared_ptr<Address>> addresses_;
  std::unique_ptr<kmip::Client> client_;
  std::string served_by_;
};

}  // namespace rbdcrypt::testing
