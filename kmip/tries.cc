// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/tries.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "net/arrival.h"

namespace rbdcrypt::kmip {
namespace {

// A malformed answer may be a late one of a proxy, which a new connection is free of (verdict.h).
constexpr int kMalformedTries = 2;

std::string Named(const std::string& address, const std::string& text) {
  return text.find(address) == std::string::npos ? Cat(address, ": ", text) : text;
}

}  // namespace

Tries::Tries(const std::vector<std::string>& servers) {
  for (const std::string& address : servers) {
    servers_.push_back({.address = address, .status = {}});
  }
}

bool Tries::IsWorthARound() const {
  return std::ranges::any_of(
      servers_, [](const State& server) { return server.was_asked && !server.is_out; });
}

bool Tries::IsLast(std::size_t server, const Tried& tried) {
  may_have_arrived_ = may_have_arrived_ || tried.may_have_arrived;
  if (IsFinal(tried)) {
    end_ = tried.verdict == Verdict::kGivenUp ? WithFailures(tried.status) : tried.status;
    return true;
  }
  Learn(servers_[server], tried);
  return false;
}

void Tries::GiveUp(const Status& status) {
  end_ = WithFailures(status);
}

bool Tries::IsFinal(const Tried& tried) {
  switch (tried.verdict) {
    case Verdict::kTransient:
    case Verdict::kUnreachable:
    case Verdict::kMalformed:
    case Verdict::kRefused:
    case Verdict::kNotNow:
      return tried.status.ok() || !tried.is_repeatable;
    case Verdict::kAmbiguous:
      return tried.status.ok() || !tried.is_repeatable || std::exchange(was_ambiguous_, true);
    default:
      return true;
  }
}

void Tries::Learn(State& server, const Tried& tried) {
  server.status = tried.status;
  server.has_refused = tried.verdict == Verdict::kRefused;
  server.malformed += tried.verdict == Verdict::kMalformed ? 1 : 0;
  server.was_asked = tried.verdict != Verdict::kNotNow;
  server.is_out = server.has_refused || server.malformed == kMalformedTries;
}

Status Tries::Outcome() const {
  const Status status = end_.has_value() ? *end_ : Summary();
  if (!may_have_arrived_) {
    return net::NeverArrived(status);
  }
  return net::MayHaveArrived(status) ? status : MakeStatus(status.code(), Message(status));
}

Status Tries::Summary() const {
  const auto has_failed = [](const State& server) { return !server.status.ok(); };
  const auto first = std::ranges::find_if(servers_, has_failed);
  if (std::ranges::count_if(servers_, has_failed) == 1) {
    return first->status;
  }
  const bool is_refused_by_all = std::ranges::all_of(servers_, &State::has_refused);
  return MakeStatus(is_refused_by_all ? first->status.code() : Code::kUnavailable,
                    Cat("none of the servers could do it: ", Failures()));
}

std::string Tries::Failures() const {
  std::string text;
  for (const State& server : servers_) {
    if (!server.status.ok()) {
      text += Cat(text.empty() ? "" : "; ", Named(server.address, Message(server.status)));
    }
  }
  return text;
}

Status Tries::WithFailures(const Status& status) const {
  const std::string failures = Failures();
  return failures.empty()
             ? status
             : MakeStatus(status.code(), Cat(Message(status), "; before that: ", failures));
}

}  // namespace rbdcrypt::kmip
