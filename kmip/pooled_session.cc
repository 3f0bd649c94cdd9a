// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/pooled_session.h"

#include <utility>

#include "base/strings.h"
#include "kmip/time_out.h"
#include "net/arrival.h"

namespace rbdcrypt::kmip {

PooledSession::PooledSession(const std::string& server,
                             Pool& pool,
                             Pool::Lease lease,
                             const Context& limit,
                             std::atomic<std::size_t>& requests)
    : server_(server), pool_(pool), lease_(std::move(lease)), limit_(limit), requests_(requests) {}

Result<Answer> PooledSession::AskUnder(Version version,
                                       const Context& context,
                                       const Request& request) {
  return Send(context, request, version).answer;
}

void PooledSession::Begin(Version version) {
  version_ = version;
  verdict_ = Verdict::kFine;
}

Result<Answer> PooledSession::Ask(const Context& context, const Request& request) {
  Sent sent = Send(context, request, version_);
  const Status& status = sent.answer.status();
  verdict_ = VerdictOf(status);
  may_have_arrived_ = may_have_arrived_ || sent.may_have_arrived;
  is_repeatable_ = is_repeatable_ && (request.is_idempotent || !sent.may_have_arrived);
  if (status.ok()) {
    return std::move(sent.answer);
  }
  // What went before it in this session may have been acted upon, though this was not.
  const bool is_marked_wrongly = may_have_arrived_ && !net::MayHaveArrived(status);
  return is_marked_wrongly ? MakeStatus(status.code(), Message(status)) : ForCaller(status);
}

PooledSession::Sent PooledSession::Send(const Context& context,
                                        const Request& request,
                                        Version version) {
  if (!end_.ok()) {
    return {.answer = end_, .may_have_arrived = false};
  }
  const Context limited = context.WithTimeout(limit_.TimeLeft());
  const bool was_of_use = lease_->has_answered();
  Sent sent = SendOnce(limited, request, version);
  if (was_of_use && lease_->state() == Connection::State::kLost &&
      (request.is_idempotent || !sent.may_have_arrived)) {
    sent = SendAgain(limited, request, version, sent.may_have_arrived);
  }
  if (!sent.answer.ok()) {
    sent.answer = ServersTimeOut(sent.answer.status(), context,
                                 Cat(server_, " took too much of the call's time"));
  }
  if (lease_.is_over() || lease_->state() != Connection::State::kGood) {
    lease_.GiveBack();
    end_ = sent.answer.status();
  }
  return sent;
}

PooledSession::Sent PooledSession::SendOnce(const Context& context,
                                            const Request& request,
                                            Version version) {
  ++requests_;
  Result<Answer> answer = lease_->Ask(context, request, version);
  const bool may_have_arrived = answer.ok() || net::MayHaveArrived(answer.status());
  return {.answer = std::move(answer), .may_have_arrived = may_have_arrived};
}

PooledSession::Sent PooledSession::SendAgain(const Context& context,
                                             const Request& request,
                                             Version version,
                                             bool may_have_arrived) {
  // Closed first, so that no more connections are open than there are borrowers.
  lease_.GiveBack();
  Result<Pool::Lease> lease = pool_.Dial(context);
  if (!lease.ok()) {
    return {.answer = lease.status(), .may_have_arrived = may_have_arrived};
  }
  lease_ = *std::move(lease);
  Sent sent = SendOnce(context, request, version);
  sent.may_have_arrived = sent.may_have_arrived || may_have_arrived;
  return sent;
}

}  // namespace rbdcrypt::kmip
