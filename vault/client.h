// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "net/http_client.h"
#include "vault/answer.h"
#include "vault/server.h"

namespace rbdcrypt::vault {

// One call of Vault's API.
struct Call {
  std::string method = "GET";
  // Escaped, behind "v1/": "secret/data/ceph-csi/0001-…", with a query where it has one.
  std::string path = {};
  // Sent as X-Vault-Namespace; "" sends none.
  std::string namespace_header = {};
  // JSON; empty for none.
  Secret body = {};
  kms::Urgency urgency = kms::Urgency::kMount;
  Node node = Node::kAny;
};

// How often and after what waits a call is tried again.
struct RetryLimits {
  int max_tries = 4;
  // Full jitter in [0, min(cap, base * 2^n)]; the longer base is for answers that say "later".
  std::chrono::milliseconds base = std::chrono::milliseconds(250);
  std::chrono::milliseconds long_base = std::chrono::milliseconds(1000);
  std::chrono::milliseconds cap = std::chrono::milliseconds(8000);
  // How long an election of the active node is waited for, which takes some seconds (vault.md 4).
  std::chrono::milliseconds election = std::chrono::milliseconds(20000);
};

// Vault's API over one server: headers, and the same call again where that may help (Verdict), at
// another address first, within the context's deadline. Every call the drivers make of KV, logins
// and look-ups may be repeated; a check-and-set that was repeated may meet its own first try, which
// Answer::was_repeated() tells. Thread safe.
class Client {
 public:
  Client(std::shared_ptr<Server> server, RetryLimits limits)
      : server_(std::move(server)), limits_(limits) {}

  // `token` may be null. Returns an answer whose verdict is kSuccess, kDenied, kConflict, kAbsent
  // or kRefused. kUnavailable: none of the tries got one; says why (sealed, throttled, down since
  // when). kInvalidArgument: TLS refuses the server, or it us; says which option to look at.
  // kCancelled, kDeadlineExceeded. net::MayHaveArrived() of the error: whether any of the tries may
  // have been acted upon.
  Result<Answer> Send(const Context& context, const Call& call, const Secret* token);

  Server& server() { return *server_; }

 private:
  class Tries;

  net::HttpRequest Compose(const Call& call, const Secret* token) const;
  std::string LastIndex() const;
  void KeepIndex(const Answer& answer);

  const std::shared_ptr<Server> server_;
  const RetryLimits limits_;
  mutable absl::Mutex mutex_;
  // Of Vault Enterprise: reads ask for a state not older than the last write's.
  std::string index_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::vault
