// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/rest_sender.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

#include "base/strings.h"
#include "base/wait.h"

namespace rbdcrypt::k8s {
namespace {

constexpr int kUnauthorized = 401;
constexpr int kRequestTimeout = 408;
constexpr int kTooManyRequests = 429;
constexpr int kServiceUnavailable = 503;

// Where the answer does not say, or says 0.
constexpr std::chrono::seconds kDefaultRetryAfter(1);

// On top of what the server says, at least, so that not all who were turned away come back at once.
constexpr std::chrono::nanoseconds kLeastJitter = std::chrono::milliseconds(500);

// Beyond any deadline of ours, and far from overflow.
constexpr std::uint64_t kMaxSeconds = 1'000'000;

// A payload, since those survive Annotate().
constexpr char kUnsurePayload[] = "rbdcrypt/follows-unsure-try";

constexpr std::string_view kAuthorization = "Authorization";

net::SecretHeader BearerHeader(const Secret& token) {
  constexpr std::string_view kBearer = "Bearer ";
  Secret value(kBearer.size() + token.size());
  const auto bytes = value.MutableBytes();
  std::memcpy(bytes.data(), kBearer.data(), kBearer.size());
  std::copy(token.Reveal().begin(), token.Reveal().end(), bytes.begin() + kBearer.size());
  return {.name = std::string(kAuthorization), .value = std::move(value)};
}

Secret TokenOf(const net::SecretHeader& header) {
  return Secret(header.value.Reveal().subspan(std::string_view("Bearer ").size()));
}

bool IsSuccess(const net::HttpAnswer& answer) {
  return answer.status >= 200 && answer.status < 300;
}

// A failed exchange in the call's words.
Status InWordsOf(const ApiCall& call, const Status& status) {
  // What is no HTTP says nothing about data of ours, as this code would elsewhere.
  if (status.code() == Code::kDataLoss) {
    return Internal(Cat(call.Text(), ": ", Message(status)));
  }
  return Annotate(status, call.Text());
}

bool IsServerError(const net::HttpAnswer& answer) {
  return answer.status >= 500 || answer.status == kRequestTimeout;
}

// Whether the server may have done what it was asked for, though it did not say so.
bool IsUnsure(const Result<net::HttpAnswer>& outcome) {
  return outcome.ok() ? IsServerError(*outcome) : net::MayHaveArrived(outcome.status());
}

// Whether the attempt is worth another: the status that base/retry looks at.
Status Verdict(const Result<net::HttpAnswer>& outcome, bool repeatable) {
  if (outcome.ok()) {
    return IsServerError(*outcome) && repeatable ? Unavailable("a server error") : OkStatus();
  }
  const Status& status = outcome.status();
  const bool again = repeatable || !net::MayHaveArrived(status);
  return status.code() == Code::kUnavailable && again ? status : OkStatus();
}

// The same call, cancelled also by `is_over`; `context` must outlive it.
Context CancelledAlsoIf(const Context& context, const std::function<bool()>& is_over) {
  const std::chrono::nanoseconds left = context.TimeLeft();
  const bool is_endless = left == std::chrono::nanoseconds::max();
  return Context({.clock = &context.clock(),
                  .deadline = is_endless ? Clock::TimePoint::max() : context.clock().Now() + left,
                  .is_cancelled =
                      [&context, is_over] {
                        return is_over() || context.Check("go on").code() == Code::kCancelled;
                      },
                  .request_id = context.request_id()});
}

}  // namespace

std::optional<std::chrono::seconds> RetryAfter(const net::HttpAnswer& answer) {
  const std::optional<std::string> text = answer.Find("Retry-After");
  const bool turned_away = answer.status == kTooManyRequests ||
                           (answer.status == kServiceUnavailable && text.has_value());
  if (!turned_away) {
    return std::nullopt;
  }
  const auto seconds = ParseUint64(Trim(text.value_or("")));
  return seconds.value_or(0) > 0 ? std::chrono::seconds(std::min(*seconds, kMaxSeconds))
                                 : kDefaultRetryAfter;
}

bool FollowsUnsureTry(const Status& status) {
  return status.GetPayload(kUnsurePayload).has_value();
}

Status RestSender::Authorize(net::HttpRequest& request) const {
  request.secret_headers.clear();
  if (token_ != nullptr) {
    Result<Secret> token = token_->Token();
    if (!token.ok()) {
      return net::NeverArrived(Annotate(token.status(), "our own token"));
    }
    request.secret_headers.push_back(BearerHeader(*token));
  }
  return OkStatus();
}

Result<net::HttpAnswer> RestSender::SendAuthorized(net::HttpRequest& request,
                                                   const Exchange& exchange) const {
  RETURN_IF_ERROR(Authorize(request));
  Result<net::HttpAnswer> answer = exchange(request);
  if (!answer.ok() || answer->status != kUnauthorized || token_ == nullptr ||
      !token_->Renew(TokenOf(request.secret_headers.front()))) {
    return answer;
  }
  RETURN_IF_ERROR(Authorize(request));
  return exchange(request);
}

Result<net::HttpAnswer> RestSender::SendThrottled(const Context& context,
                                                  net::HttpRequest& request,
                                                  const Exchange& exchange) const {
  for (int times = 0;; ++times) {
    Result<net::HttpAnswer> answer = SendAuthorized(request, exchange);
    if (!answer.ok()) {
      return answer;
    }
    const std::optional<std::chrono::seconds> wait = RetryAfter(*answer);
    if (!wait.has_value() || times == kMaxThrottled || *wait > kMaxRetryAfter) {
      return answer;
    }
    const std::chrono::nanoseconds told = *wait;
    if (!WaitFor(context, RandomBetween(told, told + std::max(told / 4, kLeastJitter)))) {
      RETURN_IF_ERROR(context.Check("ask the API server again"));
      return answer;
    }
  }
}

Result<net::HttpAnswer> RestSender::Send(const Context& context,
                                         const ApiCall& call,
                                         net::HttpRequest request,
                                         bool repeatable) const {
  const Exchange exchange = [&](const net::HttpRequest& authorized) {
    return http_.Send(context, authorized);
  };
  Result<net::HttpAnswer> outcome = net::NeverArrived(Internal("not sent"));
  bool is_unsure = false;
  (void)Retry(context, retry_, [&] {
    is_unsure = is_unsure || IsUnsure(outcome);
    outcome = SendThrottled(context, request, exchange);
    // A server that is too busy was given its time already.
    const bool turned_away = outcome.ok() && RetryAfter(*outcome).has_value();
    return turned_away ? OkStatus() : Verdict(outcome, repeatable);
  });
  if (!outcome.ok()) {
    return InWordsOf(call, outcome.status());
  }
  if (IsSuccess(*outcome)) {
    return outcome;
  }
  Status error = ErrorOf(call, *outcome);
  if (is_unsure) {
    error.SetPayload(kUnsurePayload, absl::Cord());
  }
  return error;
}

Status RestSender::Stream(const Context& context,
                          const ApiCall& call,
                          net::HttpRequest request,
                          const std::function<Status(std::span<const std::byte>)>& sink) const {
  const Exchange exchange = [&](const net::HttpRequest& authorized) -> Result<net::HttpAnswer> {
    bool has_begun = false;
    const Clock::TimePoint begin_by = context.clock().Now() + kMaxFirstAnswer;
    const Context limited =
        CancelledAlsoIf(context, [&] { return !has_begun && context.clock().Now() >= begin_by; });
    Result<net::HttpAnswer> answer =
        http_.Stream(limited, authorized, [&](std::span<const std::byte> bytes) {
          has_begun = true;
          return sink(bytes);
        });
    const bool is_stuck = !has_begun && answer.status().code() == Code::kCancelled;
    if (is_stuck && context.Check("wait for a stream").ok()) {
      return Unavailable(Cat(http_.address(), ": no answer within ", kMaxFirstAnswer.count(),
                             " min: is the server too busy, or a proxy before it stuck?"));
    }
    return answer;
  };
  const Result<net::HttpAnswer> answer = SendThrottled(context, request, exchange);
  if (!answer.ok()) {
    return InWordsOf(call, answer.status());
  }
  return IsSuccess(*answer) ? OkStatus() : ErrorOf(call, *answer);
}

}  // namespace rbdcrypt::k8s
