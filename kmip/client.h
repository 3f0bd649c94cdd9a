// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "kmip/client_options.h"
#include "kmip/session.h"
#include "kms/limiter.h"
#include "net/byte_stream.h"

namespace rbdcrypt::kmip {

// One key manager: its servers in order, a small pool of connections to each, and what is known of
// their health. Thread safe.
//
// Servers serve the same keys. Work goes to the one that did well last, the first at the beginning;
// where it cannot be reached, or fails by a reason that another server need not have, to the next
// in order, and after `cool_down` it is tried at the first again (kmip/server_order.h). One whose
// certificate does not verify, or that does not know us or speaks no version of ours, is passed
// over, and that is logged once; if it is so with all, it is the error. Of a call's deadline a
// server that says nothing leaves the others a part.
//
// At most ClientOptions::connections pieces of work are with a server at once, over a connection
// each; mounts come before background work. A kept connection that turns out to be closed before a
// byte of the answer came is replaced by a new one, once, without counting as a failure.
//
// The version is agreed upon at a server's first connection by Discover Versions
// (kmip/version_agreement.h), and anew after it could not be reached, or refused the version.
class Client {
 public:
  // `servers` not empty.
  Client(std::vector<std::unique_ptr<net::Dialer>> servers, ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Runs `work` with a session until it succeeds. It is run again, here or at another server, where
  // its error is transient (kmip/verdict.h) and everything it asked is idempotent or never arrived;
  // so it must start afresh each time. What it asks last decides.
  //
  // Errors: those of `work`; kUnavailable: no server can be reached or gives a whole, well-formed
  // answer (names each with its error), or the breakers are open; kInvalidArgument: certificates;
  // kPermissionDenied: the servers do not know us; kFailedPrecondition: no version in common.
  // kDeadlineExceeded, kCancelled: the caller's, also while waiting for a place in the pool.
  // An error after which nobody knows whether a server acted is not net::NeverArrived().
  Status Run(const Context& context, kms::Urgency urgency, const Work& work);

  // "KMIP at kmip-1.example:5696, kmip-2.example:5696".
  const std::string& name() const;

  // Tries to connect and messages sent since the client was made; for tests and bench.
  struct Counts {
    std::size_t dials = 0;
    std::size_t requests = 0;
  };

  Counts counts() const;

  // Connections to all servers that are open now.
  std::size_t OpenConnectionsForTest() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace rbdcrypt::kmip
