// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/rest_sender.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/strings.h"
#include "k8s/wait.h"

namespace rbdcrypt::k8s {
namespace {

constexpr int kUnauthorized = 401;
constexpr int kTooManyRequests = 429;
constexpr int kServiceUnavailable = 503;

// Where the answer does not say.
constexpr std::chrono::seconds kDefaultRetryAfter(1);

// Beyond any deadline of ours, and far from overflow.
constexpr std::uint64_t kMaxSeconds = 1'000'000;

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

// Whether the attempt is worth another: the status that base/retry looks at.
Status Verdict(const Result<net::HttpAnswer>& outcome, bool repeatable) {
  if (outcome.ok()) {
    return outcome->status >= 500 && repeatable ? Unavailable("a server error") : OkStatus();
  }
  const Status& status = outcome.status();
  const bool again = repeatable || !net::MayHaveArrived(status);
  return status.code() == Code::kUnavailable && again ? status : OkStatus();
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
  return seconds.has_value() ? std::chrono::seconds(std::min(*seconds, kMaxSeconds))
                             : kDefaultRetryAfter;
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
    // Up to a quarter more, so that not all who were turned away come back at once.
    if (!WaitFor(context, RandomBetween(*wait, *wait + *wait / 4))) {
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
  Result<net::HttpAnswer> outcome = Internal("not sent");
  (void)Retry(context, retry_, [&] {
    outcome = SendThrottled(context, request, exchange);
    // A server that is too busy was given its time already.
    const bool turned_away = outcome.ok() && RetryAfter(*outcome).has_value();
    return turned_away ? OkStatus() : Verdict(outcome, repeatable);
  });
  if (!outcome.ok()) {
    return InWordsOf(call, outcome.status());
  }
  if (!IsSuccess(*outcome)) {
    return ErrorOf(call, *outcome);
  }
  return outcome;
}

Status RestSender::Stream(const Context& context,
                          const ApiCall& call,
                          net::HttpRequest request,
                          const std::function<Status(std::span<const std::byte>)>& sink) const {
  const Exchange exchange = [&](const net::HttpRequest& authorized) {
    return http_.Stream(context, authorized, sink);
  };
  const Result<net::HttpAnswer> answer = SendThrottled(context, request, exchange);
  if (!answer.ok()) {
    return InWordsOf(call, answer.status());
  }
  return IsSuccess(*answer) ? OkStatus() : ErrorOf(call, *answer);
}

}  // namespace rbdcrypt::k8s
