// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/server.h"

#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "kmip/time_out.h"
#include "kmip/version_agreement.h"
#include "kms/try_time.h"
#include "net/arrival.h"

namespace rbdcrypt::kmip {
namespace {

// No work was begun.
Tried NotBegun(const Status& status) {
  return {.status = net::NeverArrived(ForCaller(status)), .verdict = VerdictOf(status)};
}

Tried NotNow(const Status& status) {
  return {.status = net::NeverArrived(status), .verdict = Verdict::kNotNow};
}

Tried Of(const PooledSession& session, Status status) {
  const bool is_of_the_work = !status.ok() && session.verdict() == Verdict::kFine;
  return {.status = std::move(status),
          .verdict = is_of_the_work ? Verdict::kFinal : session.verdict(),
          .may_have_arrived = session.may_have_arrived(),
          .is_repeatable = session.is_repeatable()};
}

kms::Breaker::Outcome OutcomeOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kUnreachable:
    case Verdict::kMalformed:
      return kms::Breaker::Outcome::kDown;
    case Verdict::kGivenUp:
    case Verdict::kRefused:
    case Verdict::kNotNow:
      return kms::Breaker::Outcome::kUnknown;
    default:
      return kms::Breaker::Outcome::kAlive;
  }
}

}  // namespace

Server::Server(std::unique_ptr<net::Dialer> dialer, const ClientOptions& options)
    : dialer_(std::move(dialer)),
      limiter_(options.connections),
      breaker_(Cat("KMIP at ", dialer_->address()), options.breaker),
      pool_(*dialer_,
            {.most = options.connections,
             .idle = options.idle,
             .timeouts = {.write = options.write_timeout, .read = options.read_timeout}}) {}

Tried Server::Try(const Context& context, Wish wish, const Work& work) {
  const Context limit = wish.has_others ? kms::WithTimeForOthers(context) : context;
  const Result<kms::Limiter::Seat> seat = limiter_.Take(limit, wish.urgency);
  if (!seat.ok()) {
    const Status status =
        ServersTimeOut(seat.status(), context, Cat(address(), " has no connection to spare"));
    return status.code() == Code::kUnavailable ? NotNow(status) : NotBegun(status);
  }
  const Result<kms::Breaker::Ticket> ticket = breaker_.Allow(context.clock());
  if (!ticket.ok()) {
    return NotNow(ticket.status());
  }
  Tried tried = TryAllowed(context, limit, work);
  ReportToBreaker(context.clock(), *ticket, tried);
  if (tried.verdict == Verdict::kUnreachable) {
    // It may come back as another.
    Forget();
  }
  return tried;
}

void Server::ReportToBreaker(const Clock& clock, kms::Breaker::Ticket ticket, const Tried& tried) {
  breaker_.Report(clock, ticket, OutcomeOf(tried.verdict), Message(tried.status));
}

Tried Server::TryAllowed(const Context& context, const Context& limit, const Work& work) {
  Result<Pool::Lease> lease = pool_.Lend(limit);
  if (!lease.ok()) {
    return NotBegun(ServersTimeOut(lease.status(), context,
                                   Cat(address(), " let no connection be made in time")));
  }
  PooledSession session(address(), pool_, *std::move(lease), limit, requests_);
  const Result<Version> version = VersionFor(context, session);
  if (!version.ok()) {
    return NotBegun(version.status());
  }
  session.Begin(*version);
  Tried tried = Of(session, work(session));
  return tried.verdict == Verdict::kRenegotiate
             ? Renegotiate(context, session, work, std::move(tried))
             : tried;
}

Tried Server::Renegotiate(const Context& context,
                          PooledSession& session,
                          const Work& work,
                          Tried tried) {
  Forget();
  tried.verdict = Verdict::kFinal;
  if (tried.status.ok() || !tried.is_repeatable) {
    return tried;
  }
  const Result<Version> version = VersionFor(context, session);
  if (!version.ok()) {
    tried.status = ForCaller(version.status());
    tried.verdict = VerdictOf(version.status());
    return tried;
  }
  if (*version == session.version()) {
    return tried;
  }
  session.Begin(*version);
  tried = Of(session, work(session));
  tried.verdict = tried.verdict == Verdict::kRenegotiate ? Verdict::kFinal : tried.verdict;
  return tried;
}

Result<Version> Server::VersionFor(const Context& context, PooledSession& session) {
  if (const auto known = KnownVersion(); known.has_value()) {
    return *known;
  }
  ASSIGN_OR_RETURN(const Version version,
                   AgreeOnVersion(address(), [&](Version header, const Request& request) {
                     return session.AskUnder(header, context, request);
                   }));
  Remember(version);
  return version;
}

std::optional<Version> Server::KnownVersion() const {
  absl::MutexLock lock(&mutex_);
  return version_;
}

void Server::Remember(Version version) {
  {
    absl::MutexLock lock(&mutex_);
    version_ = version;
    if (std::exchange(logged_version_, version) == version) {
      return;
    }
  }
  LogInfo("kmip_version_agreed", {{"server", address()}, {"version", version.Text()}});
}

void Server::Forget() {
  absl::MutexLock lock(&mutex_);
  version_.reset();
}

}  // namespace rbdcrypt::kmip
