// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>

#include "base/context.h"
#include "base/retry.h"
#include "base/status.h"
#include "k8s/api_error.h"
#include "k8s/token_source.h"
#include "net/http_client.h"

namespace rbdcrypt::k8s {

// How often a request is repeated that the API server told to come back later (429, or 503 with
// Retry-After), while the context lasts: as client-go (rest/request.go, maxRetries).
inline constexpr int kMaxThrottled = 10;

// A longer Retry-After than this is not waited for.
inline constexpr std::chrono::minutes kMaxRetryAfter(2);

// How long a stream may take to begin. The API server answers a watch at once, with whatever is
// known by then, and it could not be told from one that is stuck.
inline constexpr std::chrono::minutes kMaxFirstAnswer(1);

// What Retry-After of an answer asks for: its seconds, one where there is none, 0 (which would make
// a busy server busier) or a date (the API server sends seconds), nothing where the answer is not
// one to come back after.
std::optional<std::chrono::seconds> RetryAfter(const net::HttpAnswer& answer);

// Whether an answer of Send() that is an error came after an earlier attempt whose own answer was
// lost, so that it may be about what that one did.
bool FollowsUnsureTry(const Status& status);

// Sends one call's request until it is answered: puts in the bearer token, reads it again once
// where the answer is 401, comes back where it is told to, and repeats what may be repeated after
// lost connections and 5xx (base/retry). Thread safe.
class RestSender {
 public:
  // Both must outlive it.
  RestSender(net::HttpClient& http, TokenSource* token, const RetryOptions& retry)
      : http_(http), token_(token), retry_(retry) {}

  // The answer, always 2xx; errors are those of k8s/client.h and net/http_client.h, in the call's
  // words. `repeatable`: doing it twice is as good as once. What is not is still repeated where it
  // surely did not happen: nobody listened, or the server turned it away unread.
  Result<net::HttpAnswer> Send(const Context& context,
                               const ApiCall& call,
                               net::HttpRequest request,
                               bool repeatable) const;

  // As Send, but the body goes to `sink`, as net::HttpClient::Stream() says. Repeated only where
  // the server told to come back. kUnavailable also where it takes longer than kMaxFirstAnswer to
  // begin.
  Status Stream(const Context& context,
                const ApiCall& call,
                net::HttpRequest request,
                const std::function<Status(std::span<const std::byte>)>& sink) const;

 private:
  // One exchange of an authorised request.
  using Exchange = std::function<Result<net::HttpAnswer>(const net::HttpRequest& request)>;

  Result<net::HttpAnswer> SendAuthorized(net::HttpRequest& request, const Exchange& exchange) const;
  Result<net::HttpAnswer> SendThrottled(const Context& context,
                                        net::HttpRequest& request,
                                        const Exchange& exchange) const;
  Status Authorize(net::HttpRequest& request) const;

  net::HttpClient& http_;
  TokenSource* const token_;
  const RetryOptions retry_;
};

}  // namespace rbdcrypt::k8s
