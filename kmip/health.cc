// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/health.h"

#include <utility>

#include "base/log.h"

namespace rbdcrypt::kmip {

Health::Health(std::vector<std::string> servers, std::chrono::nanoseconds cool_down)
    : servers_(std::move(servers)),
      order_(servers_.size(), cool_down),
      troubles_(servers_.size()) {}

std::vector<std::size_t> Health::OrderFor(Clock::TimePoint now) {
  absl::MutexLock lock(&mutex_);
  return order_.For(now);
}

void Health::Note(std::size_t server, const Tried& tried, Clock::TimePoint now) {
  switch (tried.verdict) {
    case Verdict::kFine:
    case Verdict::kFinal:
      return NoteSuccess(server);
    case Verdict::kTransient:
    case Verdict::kUnreachable:
    case Verdict::kMalformed:
    case Verdict::kRefused:
    case Verdict::kNotNow:
      return NoteFailure(server, tried, now);
    case Verdict::kGivenUp:
    case Verdict::kAmbiguous:
    case Verdict::kRenegotiate:
      return;
  }
}

void Health::NoteSuccess(std::size_t server) {
  const Move move = MoveTo(server);
  const std::string& from = servers_[move.from];
  if (move.change == ServerOrder::Change::kFailover) {
    LogWarn("kmip_failover", {{"from", from}, {"to", servers_[server]}, {"error", move.why}});
  } else if (move.change == ServerOrder::Change::kFailback) {
    LogInfo("kmip_failback", {{"from", from}, {"to", servers_[server]}});
  }
}

Health::Move Health::MoveTo(std::size_t server) {
  absl::MutexLock lock(&mutex_);
  troubles_[server].is_refusal_logged = false;
  const std::size_t from = order_.last_good();
  return {.change = order_.Succeeded(server), .from = from, .why = troubles_[from].text};
}

void Health::NoteFailure(std::size_t server, const Tried& tried, Clock::TimePoint now) {
  {
    absl::MutexLock lock(&mutex_);
    order_.Failed(server, now);
    troubles_[server].text = Message(tried.status);
    if (tried.verdict != Verdict::kRefused ||
        std::exchange(troubles_[server].is_refusal_logged, true)) {
      return;
    }
  }
  LogWarn("kmip_server_refused", {{"server", servers_[server]}, {"error", Message(tried.status)}});
}

}  // namespace rbdcrypt::kmip
