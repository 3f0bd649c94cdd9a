// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/login_session.h"

#include <algorithm>
#include <optional>
#include <random>
#include <string_view>
#include <utility>

#include <absl/time/time.h>

#include "base/strings.h"
#include "net/url.h"
#include "vault/names.h"

namespace rbdcrypt::vault {
namespace {

constexpr absl::Duration kSlice = absl::Milliseconds(100);

// After a refresh that failed; the old token serves meanwhile.
constexpr std::chrono::seconds kRefreshAgain = std::chrono::seconds(10);

// How long a new token that is refused counts as one that lacks a right.
constexpr std::chrono::seconds kKept = std::chrono::seconds(30);

// A lease this long is none that a process sees the end of; bounds the arithmetic.
constexpr std::chrono::seconds kLongestLease = std::chrono::hours(24 * 3650);

// 60 to 70 percent, so that pods that started together do not log in together.
std::chrono::nanoseconds RefreshAfter(std::chrono::nanoseconds lease) {
  thread_local std::mt19937_64 engine{std::random_device{}()};
  return lease / 1000 * std::uniform_int_distribution<int>(600, 700)(engine);
}

std::string NamespaceText(const std::string& ns) {
  return ns.empty() ? std::string("the root namespace") : Cat("namespace ", ns);
}

// A login that exists and refuses says more than one that is not there.
Status Both(const Status& first, const Status& second) {
  const Code code =
      first.code() == Code::kPermissionDenied ? Code::kPermissionDenied : second.code();
  return MakeStatus(code, Cat(Message(first), "; and ", Message(second)));
}

bool IsOwnLimit(const Status& status) {
  return status.code() == Code::kCancelled || status.code() == Code::kDeadlineExceeded;
}

}  // namespace

Result<LoginAnswer> ParseLogin(const Answer& answer) {
  ASSIGN_OR_RETURN(const SecretJson json, answer.Json());
  const std::optional<SecretJson> text = json.Find({"auth", "client_token"});
  std::optional<Secret> token = text.has_value() ? text->AsSecret() : std::nullopt;
  if (!token.has_value() || !CheckToken(*token, "").ok()) {
    return Unavailable("the answer to the login holds no token; is this address a Vault?");
  }
  const std::optional<SecretJson> lease = json.Find({"auth", "lease_duration"});
  const std::int64_t seconds = lease.has_value() ? lease->AsInt().value_or(0) : 0;
  return LoginAnswer{.token = *std::move(token),
                     .lease = std::clamp(std::chrono::seconds(seconds),
                                         std::chrono::seconds::zero(), kLongestLease)};
}

LoginSession::LoginSession(std::shared_ptr<Client> client, LoginPlace place, JwtSource jwt)
    : client_(std::move(client)),
      place_(std::move(place)),
      jwt_(std::move(jwt)),
      identity_(Cat(place_.account, " as role ", place_.role, " of auth/", place_.mount)) {}

LoginSession::Turn LoginSession::TurnNow(Clock::TimePoint now) const {
  const bool is_doubted = is_refused_ && now >= kept_until_;
  const bool is_usable = token_ != nullptr && now < ends_at_ && !is_doubted;
  if (is_usable && (now < refresh_at_ || is_logging_in_)) {
    return Turn::kUse;
  }
  return is_logging_in_ ? Turn::kWait : Turn::kLogIn;
}

Result<Token> LoginSession::Get(const Context& context) {
  {
    absl::MutexLock lock(&mutex_);
    for (;;) {
      const Turn turn = TurnNow(context.clock().Now());
      if (turn == Turn::kUse) {
        is_refused_ = false;
        return token_;
      }
      if (turn == Turn::kLogIn) {
        is_logging_in_ = true;
        break;
      }
      RETURN_IF_ERROR(WaitForRound(context, round_));
    }
  }
  return LogInAndShare(context);
}

// The outcome of the login under way, unless it failed by its caller's own limit.
Status LoginSession::WaitForRound(const Context& context, std::uint64_t round) {
  while (round_ == round) {
    RETURN_IF_ERROR(context.Check("wait for the login to Vault"));
    round_ended_.WaitWithTimeout(&mutex_, kSlice);
  }
  return IsOwnLimit(last_outcome_) ? OkStatus() : last_outcome_;
}

Result<Token> LoginSession::LogInAndShare(const Context& context) {
  Result<LoginAnswer> answer = LogIn(context);
  absl::MutexLock lock(&mutex_);
  is_logging_in_ = false;
  ++round_;
  last_outcome_ = answer.status();
  round_ended_.SignalAll();
  if (answer.ok()) {
    Store(context.clock(), *std::move(answer));
    return token_;
  }
  const Clock::TimePoint now = context.clock().Now();
  if (IsTransient(answer.status()) && token_ != nullptr && now < ends_at_ && !is_refused_) {
    refresh_at_ = now + kRefreshAgain;
    last_outcome_ = OkStatus();
    return token_;
  }
  return answer.status();
}

void LoginSession::Store(const Clock& clock, LoginAnswer answer) {
  is_refused_ = false;
  kept_until_ = Clock::TimePoint::min();
  token_ = std::make_shared<const Secret>(std::move(answer.token));
  token_namespace_ = std::move(answer.ns);
  if (answer.lease == std::chrono::seconds::zero()) {
    refresh_at_ = Clock::TimePoint::max();
    ends_at_ = Clock::TimePoint::max();
    return;
  }
  const Clock::TimePoint now = clock.Now();
  refresh_at_ =
      now + std::chrono::duration_cast<Clock::TimePoint::duration>(RefreshAfter(answer.lease));
  ends_at_ = now + answer.lease;
}

Result<LoginAnswer> LoginSession::LogIn(const Context& context) {
  ASSIGN_OR_RETURN(const Secret jwt, jwt_(context));
  Status refused = OkStatus();
  for (std::size_t i = 0; i < place_.namespaces.size(); ++i) {
    const std::size_t index = (good_namespace_ + i) % place_.namespaces.size();
    const std::string& ns = place_.namespaces[index];
    SecretJsonWriter body;
    body.BeginObject().Key("jwt").Value(jwt).Key("role").Value(std::string_view(place_.role));
    body.EndObject();
    Call call{.method = "PUT",
              .path = Cat("auth/", net::EscapePath(place_.mount), "/login"),
              .namespace_header = ns,
              .body = std::move(body).Take(),
              // A standby that lags knows neither a new role nor the login's new configuration.
              .node = Node::kActive};
    Result<Answer> answer = client_->Send(context, call, nullptr);
    if (!answer.ok()) {
      return Annotate(answer.status(), Cat("log in as ", identity_));
    }
    if (answer->verdict() == Verdict::kSuccess) {
      good_namespace_ = index;
      ASSIGN_OR_RETURN(LoginAnswer login, ParseLogin(*answer));
      login.ns = ns;
      return login;
    }
    const Status why = Explain(*answer, ns);
    refused = refused.ok() ? why : Both(refused, why);
  }
  return refused;
}

Status LoginSession::Explain(const Answer& answer, const std::string& ns) const {
  const std::string what =
      Cat("log in as ", identity_, " in ", NamespaceText(ns), ": ", answer.Describe());
  if (answer.Says("invalid role")) {
    return InvalidArgument(Cat(what, ": there is no such role: create it in Vault, or correct the ",
                               "option ", kRole));
  }
  if (answer.verdict() == Verdict::kDenied) {
    return PermissionDenied(
        Cat(what, ": the role is not for this service account, its namespace or its token's ",
            "audience: look at the role's bound_service_account_names, ",
            "bound_service_account_namespaces and audience"));
  }
  if (answer.verdict() == Verdict::kAbsent) {
    return InvalidArgument(Cat(what, ": no Kubernetes login is mounted there: enable it in Vault, ",
                               "or correct the options ", kAuthPath, " and ", kAuthNamespace));
  }
  return InvalidArgument(Cat(what, ": look at the options ", kAuthPath, " and ", kRole));
}

void LoginSession::Reject(const Token& used) {
  absl::MutexLock lock(&mutex_);
  is_refused_ = is_refused_ || token_ == used;
}

void LoginSession::Keep(const Context& context, const Token& fresh) {
  absl::MutexLock lock(&mutex_);
  if (token_ == fresh) {
    kept_until_ = context.clock().Now() + kKept;
  }
}

void LoginSession::Revoke(const Context& context) {
  Call call{.method = "PUT", .path = "auth/token/revoke-self"};
  Token token;
  {
    absl::MutexLock lock(&mutex_);
    token = std::exchange(token_, nullptr);
    call.namespace_header = token_namespace_;
  }
  if (token == nullptr) {
    return;
  }
  // What stays behind ends with its lease.
  static_cast<void>(client_->Send(context, call, token.get()));
}

}  // namespace rbdcrypt::vault
