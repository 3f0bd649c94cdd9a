// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "kmip/messages.h"
#include "kmip/version.h"
#include "kms/breaker.h"
#include "kms/limiter.h"
#include "net/byte_stream.h"

namespace rbdcrypt::kmip {

// One server during one piece of work: a connection of its own, the version agreed upon there.
class Session {
 public:
  virtual ~Session() = default;

  // Sends `request` and waits for its answer, each within the limit of ClientOptions. After an
  // error of the connection the session is of no more use.
  virtual Result<Answer> Ask(const Context& context, const Request& request) = 0;

  virtual Version version() const = 0;

  // "kmip.example:5696": for texts, and to remember by what was learnt of this server.
  virtual const std::string& server() const = 0;
};

struct ClientOptions {
  // Of one message each (ceph-csi-compat 6.8: READ_TIMEOUT, WRITE_TIMEOUT).
  std::chrono::milliseconds read_timeout = std::chrono::seconds(10);
  std::chrono::milliseconds write_timeout = std::chrono::seconds(10);
  // Kept connections, and requests at once, of one server (kmip.md 14).
  std::size_t connections = 8;
  // One that nobody used for so long is closed rather than used: firewalls drop it silently.
  std::chrono::seconds idle = std::chrono::seconds(60);
  // After so long with another one, the first server is tried again.
  std::chrono::seconds cool_down = std::chrono::seconds(30);
  // Rounds over all servers; waits between them double from `backoff` to `max_backoff`, with full
  // jitter.
  int rounds = 3;
  std::chrono::milliseconds backoff = std::chrono::milliseconds(100);
  std::chrono::milliseconds max_backoff = std::chrono::seconds(2);
  kms::Breaker::Options breaker = {};
};

// One key manager: its servers in order, a small pool of connections to each, and what is known of
// their health. Thread safe.
//
// Servers serve the same keys. Work goes to the one that did well last, the first at the beginning;
// where it cannot be reached, or fails by a reason that another server need not have, to the next
// in order, and after `cool_down` it is tried at the first again. A server whose certificate does
// not verify, or that refuses ours, is passed over, and that is logged once; if it is so with all,
// it is the error. A pooled connection that turns out to be closed before a byte of the answer
// came is replaced by a new one, once, without counting as a failure.
//
// The version is agreed upon at a server's first connection by Discover Versions (kmip.md 7), and
// anew after it could not be reached or refused the version.
class Client {
 public:
  // `servers` not empty.
  Client(std::vector<std::unique_ptr<net::Dialer>> servers, ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Runs `work` with a session until it succeeds. It is run again, here or at another server, where
  // its error is transient (kmip/reasons.h, net/byte_stream.h) and everything it asked is
  // idempotent or never arrived; so it must start afresh each time. What it asks last decides.
  //
  // Errors: those of `work`; kUnavailable: no server can be reached (names each with its error), or
  // the breaker is open; kInvalidArgument: certificates; kFailedPrecondition: no version in common.
  // kDeadlineExceeded, kCancelled: the caller's, also while waiting for a place in the pool.
  // An error after which nobody knows whether the server acted is not net::NeverArrived().
  Status Run(const Context& context,
             kms::Urgency urgency,
             const std::function<Status(Session& session)>& work);

  // "KMIP at kmip-1.example:5696, kmip-2.example:5696".
  const std::string& name() const;

  // Since the client was made, for tests and bench.
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
