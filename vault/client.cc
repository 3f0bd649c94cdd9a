// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "base/wait.h"
#include "vault/names.h"

namespace rbdcrypt::vault {
namespace {

using std::chrono::milliseconds;

// A server that asks for more is waited for by the caller's next call, not by this one.
constexpr std::chrono::seconds kMaxThrottle = std::chrono::seconds(30);

// Added to what a server asks for, so that those it told the same do not come back together.
constexpr milliseconds kThrottleSpread = milliseconds(250);

// How often it is asked meanwhile who is active by now.
constexpr milliseconds kElectionPoll = milliseconds(700);

bool IsFinal(const Answer& answer) {
  const Verdict verdict = answer.verdict();
  return verdict != Verdict::kRetrySoon && verdict != Verdict::kRetryLater &&
         verdict != Verdict::kThrottled;
}

std::string WhyOf(const Answer& answer) {
  if (answer.Says("sealed")) {
    return Cat("it is sealed (", answer.Describe(), "): unseal it");
  }
  if (answer.verdict() == Verdict::kThrottled) {
    return Cat("it limits how often it may be asked (", answer.Describe(),
               "): raise its rate-limit quota for this driver, or try later");
  }
  if (!answer.location().empty()) {
    return Cat(answer.Describe(), ": add the active node's to the option ", kAddress);
  }
  if (answer.status() / 100 == 2) {
    return Message(answer.Json().status());
  }
  return answer.Describe();
}

}  // namespace

// One call on its way, until its last try.
class Client::Tries {
 public:
  Tries(const Context& context, Client& client, const Call& call)
      : context_(context), client_(client), call_(call) {}

  Result<Answer> Run(const net::HttpRequest& request) {
    for (int tries = 0;;) {
      Server::Tried tried =
          client_.server_->Try(context_, request, {.urgency = call_.urgency, .node = call_.node});
      Result<Answer>& answer = tried.answer;
      if (answer.ok() ? IsFinal(*answer) : answer.status().code() != Code::kUnavailable) {
        return Finish(std::move(answer));
      }
      Status why = Learn(answer);
      const bool is_election = tried.next == Server::Next::kLater;
      tries += is_election ? 0 : 1;
      if (tries >= client_.limits_.max_tries || !(is_election ? AwaitElection() : Pause(tried))) {
        return Mark(why);
      }
    }
  }

 private:
  Result<Answer> Finish(Result<Answer> answer) {
    if (answer.ok()) {
      answer->set_was_repeated(may_have_arrived_);
      return answer;
    }
    const Status& status = answer.status();
    may_have_arrived_ = may_have_arrived_ || net::MayHaveArrived(status);
    if (status.code() == Code::kInvalidArgument) {
      return Mark(InvalidArgument(Cat(Named(Message(status)), "; look at the options ",
                                      kCaFromSecret, ", ", kTlsServerName, " and ", kClientCert)));
    }
    return Mark(status);
  }

  // The text of net begins with the address that was asked, that of the breaker with the name.
  std::string Named(const std::string& text) const {
    if (text.starts_with(client_.server_->name())) {
      return text;
    }
    return text.starts_with("http") ? Cat("Vault at ", text)
                                    : Cat(client_.server_->name(), ": ", text);
  }

  // What a try that was not final says, as an error.
  Status Learn(const Result<Answer>& answer) {
    if (!answer.ok()) {
      may_have_arrived_ = may_have_arrived_ || net::MayHaveArrived(answer.status());
      return Unavailable(Named(Message(answer.status())));
    }
    may_have_arrived_ = may_have_arrived_ || answer->MayHaveActed();
    return Unavailable(Cat(client_.server_->name(), ": ", WhyOf(*answer)));
  }

  // Asked every second or so who is active by now; false once an election takes too long.
  bool AwaitElection() {
    const Clock::TimePoint now = context_.clock().Now();
    if (!election_since_.has_value()) {
      election_since_ = now;
    }
    return now - *election_since_ < client_.limits_.election &&
           WaitFor(context_, RandomBetween(kElectionPoll / 2, kElectionPoll * 3 / 2));
  }

  // Waits as the outcome wants it; false where the next try must not happen.
  bool Pause(const Server::Tried& tried) {
    if (tried.next == Server::Next::kNotNow) {
      return false;
    }
    ++failures_;
    const Verdict verdict = tried.answer.ok() ? tried.answer->verdict() : Verdict::kRetrySoon;
    if (verdict == Verdict::kThrottled && tried.answer->retry_after().has_value()) {
      const std::chrono::seconds told = *tried.answer->retry_after();
      return told <= kMaxThrottle &&
             WaitFor(context_, told + RandomBetween(milliseconds::zero(), kThrottleSpread));
    }
    // An address not yet asked comes before any wait.
    if (verdict != Verdict::kThrottled &&
        static_cast<std::size_t>(failures_) % client_.server_->size() != 0) {
      return context_.Check("the next try").ok();
    }
    const RetryLimits& limits = client_.limits_;
    milliseconds& limit = verdict == Verdict::kRetrySoon ? soon_ : later_;
    if (limit == milliseconds::zero()) {
      limit = verdict == Verdict::kRetrySoon ? limits.base : limits.long_base;
    }
    const std::chrono::nanoseconds wait =
        RandomBetween(milliseconds::zero(), std::min(limit, limits.cap));
    limit = std::min(limit * 2, limits.cap);
    return WaitFor(context_, wait);
  }

  Status Mark(const Status& status) const {
    return may_have_arrived_ ? status : net::NeverArrived(status);
  }

  const Context& context_;
  Client& client_;
  const Call& call_;
  bool may_have_arrived_ = false;
  int failures_ = 0;
  std::optional<Clock::TimePoint> election_since_;
  milliseconds soon_ = milliseconds::zero();
  milliseconds later_ = milliseconds::zero();
};

Result<Answer> Client::Send(const Context& context, const Call& call, const Secret* token) {
  const net::HttpRequest request = Compose(call, token);
  Result<Answer> answer = Tries(context, *this, call).Run(request);
  if (answer.ok() && answer->verdict() == Verdict::kSuccess && call.method != "GET") {
    KeepIndex(*answer);
  }
  return answer;
}

net::HttpRequest Client::Compose(const Call& call, const Secret* token) const {
  net::HttpRequest request;
  request.method = call.method;
  request.target = Cat("v1/", call.path);
  request.headers.push_back({.name = "X-Vault-Request", .value = "true"});
  if (!call.namespace_header.empty()) {
    request.headers.push_back({.name = "X-Vault-Namespace", .value = call.namespace_header});
  }
  if (const std::string index = LastIndex(); call.node == Node::kActive && !index.empty()) {
    request.headers.push_back({.name = "X-Vault-Index", .value = index});
    request.headers.push_back({.name = "X-Vault-Inconsistent", .value = "forward-active-node"});
  }
  if (token != nullptr) {
    request.secret_headers.push_back({.name = "X-Vault-Token", .value = token->Clone()});
  }
  if (!call.body.empty()) {
    request.content_type = "application/json";
    request.body = call.body.Clone();
  }
  return request;
}

std::string Client::LastIndex() const {
  absl::MutexLock lock(&mutex_);
  return index_;
}

void Client::KeepIndex(const Answer& answer) {
  if (answer.index().empty()) {
    return;
  }
  absl::MutexLock lock(&mutex_);
  index_ = answer.index();
}

}  // namespace rbdcrypt::vault
