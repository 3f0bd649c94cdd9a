// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/context.h"
#include "base/status.h"
#include "kms/breaker.h"
#include "kms/limiter.h"
#include "net/http_client.h"
#include "net/tls_options.h"
#include "net/url.h"
#include "vault/answer.h"

namespace rbdcrypt::vault {

// Makes the client of one address.
using HttpClientFactory = std::function<Result<std::unique_ptr<net::HttpClient>>(
    const net::Url& url, const net::TlsOptions& tls)>;

// Limits of one server.
struct ServerLimits {
  // Requests at once.
  std::size_t seats = 16;
  // One try; the call's own deadline comes first where it is nearer.
  std::chrono::seconds try_timeout = std::chrono::seconds(10);
  // How long an address that failed is asked last.
  std::chrono::seconds skip = std::chrono::seconds(10);
  // How long a node that said it is active is believed.
  std::chrono::seconds active = std::chrono::seconds(2);
  kms::Breaker::Options breaker = {};
};

// Which node may answer.
enum class Node {
  // Any: what writes something is decided by the active node in any case.
  kAny,
  // The active one, for reads that decide about a key, logins, deletes: a standby may read the past
  // (vault.md 4), and by that refuse a role, or find nothing to delete. With one address only,
  // whatever stands behind that answers.
  kActive,
};

// One Vault: the addresses of its nodes, their connections, and what is known of their health.
//
// Sends one try at a time; what follows from its outcome is vault/client's. A redirect is followed
// once and to a configured address only, so the token goes nowhere else. Thread safe.
class Server {
 public:
  // kInvalidArgument: an address is none, or the TLS options are unusable.
  static Result<std::shared_ptr<Server>> New(const std::vector<std::string>& addresses,
                                             const net::TlsOptions& tls,
                                             const HttpClientFactory& factory,
                                             const ServerLimits& limits);

  // What a caller asks of one try.
  struct Wish {
    kms::Urgency urgency = kms::Urgency::kMount;
    Node node = Node::kAny;
  };

  // When another try may do better.
  enum class Next {
    // At once at another address, if there is one.
    kOtherAddress,
    // After a while: no node says it is active, so there may be an election.
    kLater,
    // Not in this call: the breaker is open.
    kNotNow,
  };

  struct Tried {
    Result<Answer> answer;
    Next next = Next::kOtherAddress;
  };

  // Sends `request` to the address that looks best; one that failed just now is asked last.
  // Errors as net::HttpClient, but a try's own time-out and an answer that is no HTTP are
  // kUnavailable; kUnavailable, too: the breaker is open, no node says it is active, or TLS refuses
  // this address while another may do. kInvalidArgument: TLS refuses all of them.
  // net::MayHaveArrived() tells whether the server may have acted.
  Tried Try(const Context& context, const net::HttpRequest& request, Wish wish);

  std::size_t size() const { return nodes_.size(); }

  // "Vault at https://a:8200, https://b:8200".
  const std::string& name() const { return name_; }

  kms::Limiter& limiter() { return limiter_; }

 private:
  struct NodeState {
    std::unique_ptr<net::HttpClient> client;
    // "https://a:8200", to compare a redirect with.
    std::string origin;
    Clock::TimePoint skip_until;
    // What TLS said of it last, where it refused.
    Status refusal;
  };

  // What a search for the active node found where there is none.
  struct Search {
    // "https://a:8200: standby, https://b:8200: sealed".
    std::string found = {};
    // A standby answered: there may be an election.
    bool has_standby = false;
  };

  Server(std::string name, std::vector<NodeState> nodes, const ServerLimits& limits);

  Tried TryAllowed(const Context& context, const net::HttpRequest& request, Node node);
  void ReportToBreaker(const Clock& clock, kms::Breaker::Ticket ticket, const Tried& tried);
  Result<Answer> Follow(const Context& context, const net::HttpRequest& request, Answer answer);
  Result<Answer> SendTo(const Context& context, const net::HttpRequest& request, std::size_t index);
  Result<std::size_t> FindActive(const Context& context, Search& search);
  Result<int> HealthOf(const Context& context, std::size_t index);
  Context LimitOf(const Context& context, std::chrono::seconds most) const;

  std::vector<std::size_t> Order(Clock::TimePoint now) const;
  void Note(const Clock& clock, std::size_t index, bool is_good);
  Status Refused(const Clock& clock, std::size_t index, const Status& why);
  std::optional<std::size_t> KnownActive(Clock::TimePoint now) const;
  void SetActive(const Clock& clock, std::optional<std::size_t> index);

  const std::string name_;
  const ServerLimits limits_;
  kms::Limiter limiter_;
  kms::Breaker breaker_;
  mutable absl::Mutex mutex_;
  // The clients never change; the times do.
  std::vector<NodeState> nodes_;
  std::size_t preferred_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<std::size_t> active_ ABSL_GUARDED_BY(mutex_);
  Clock::TimePoint active_until_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::vault
