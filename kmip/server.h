// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/context.h"
#include "base/status.h"
#include "kmip/client_options.h"
#include "kmip/pool.h"
#include "kmip/pooled_session.h"
#include "kmip/session.h"
#include "kmip/verdict.h"
#include "kmip/version.h"
#include "kms/breaker.h"
#include "kms/limiter.h"
#include "net/byte_stream.h"

namespace rbdcrypt::kmip {

// What came of one try of a piece of work at one server.
struct Tried {
  // Of the work, or why it was not begun.
  Status status;
  // Of the last question; kFinal for an error that the work came to without one. Never
  // kRenegotiate.
  Verdict verdict;
  // Whether anything that the work asked may have been acted upon, and whether all of that may be
  // asked again.
  bool may_have_arrived = false;
  bool is_repeatable = true;
};

// One server: its connections, seats for those who work with it, the version agreed upon, and
// whether it is down. Does one try; what follows from its outcome is kmip/client's. Thread safe.
class Server {
 public:
  Server(std::unique_ptr<net::Dialer> dialer, const ClientOptions& options);

  // What a caller asks of one try.
  struct Wish {
    kms::Urgency urgency = kms::Urgency::kMount;
    // Another server can do it, too, so this one gets a share of the call's time only.
    bool has_others = false;
  };

  // Waits for a seat, takes a connection, agrees upon a version if none is known, and runs `work`.
  // If the version may be to blame for how that ended, another one is agreed upon, and the work run
  // again in that; if it is the same one, it is not to blame.
  Tried Try(const Context& context, Wish wish, const Work& work);

  // "kmip.example:5696".
  const std::string& address() const { return dialer_->address(); }

  kms::Limiter& limiter() { return limiter_; }

  // How many connections are open; how often it was dialled; how many messages were sent to it.
  std::size_t open() const { return pool_.open(); }

  std::size_t dials() const { return pool_.dials(); }

  std::size_t requests() const { return requests_; }

 private:
  Tried TryAllowed(const Context& context, const Context& limit, const Work& work);
  Tried Renegotiate(const Context& context, PooledSession& session, const Work& work, Tried tried);
  void ReportToBreaker(const Clock& clock, kms::Breaker::Ticket ticket, const Tried& tried);
  Result<Version> VersionFor(const Context& context, PooledSession& session);
  std::optional<Version> KnownVersion() const;
  void Remember(Version version);
  void Forget();

  const std::unique_ptr<net::Dialer> dialer_;
  kms::Limiter limiter_;
  kms::Breaker breaker_;
  Pool pool_;
  std::atomic<std::size_t> requests_ = 0;
  mutable absl::Mutex mutex_;
  std::optional<Version> version_ ABSL_GUARDED_BY(mutex_);
  // The one that the log has.
  std::optional<Version> logged_version_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::kmip
