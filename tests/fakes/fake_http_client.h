// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "net/http_client.h"

namespace rbdcrypt::testing {

// A server in the test's own hands: each request is noted and answered by a function, which may
// also fail as the network does. Thread safe if the function is.
class FakeHttpClient final : public net::HttpClient {
 public:
  // What was asked, secrets in clear: these are test values.
  struct Seen {
    std::string method;
    std::string target;
    std::string body;
    // "name: value", the secret ones after the others.
    std::vector<std::string> headers = {};
  };

  using Handler = std::function<Result<net::HttpAnswer>(const Seen& request)>;

  explicit FakeHttpClient(Handler handler, std::string address = "https://fake:8200")
      : handler_(std::move(handler)), address_(std::move(address)) {}

  Result<net::HttpAnswer> Send(const Context& context, const net::HttpRequest& request) override {
    RETURN_IF_ERROR(context.Check("send a request"));
    Seen seen = Note(request);
    return handler_(seen);
  }

  Result<net::HttpAnswer> Stream(
      const Context& context,
      const net::HttpRequest& request,
      const std::function<Status(std::span<const std::byte>)>& sink) override {
    ASSIGN_OR_RETURN(net::HttpAnswer answer, Send(context, request));
    if (answer.status / 100 == 2) {
      RETURN_IF_ERROR(sink(answer.body.Reveal()));
      answer.body = Secret();
    }
    return answer;
  }

  const std::string& address() const override { return address_; }

  std::vector<Seen> seen() const {
    absl::MutexLock lock(&mutex_);
    return seen_;
  }

  static net::HttpAnswer Answer(int status, std::string_view body) {
    net::HttpAnswer answer;
    answer.status = status;
    answer.headers.push_back({.name = "Content-Type", .value = "application/json"});
    answer.body = Secret(body);
    return answer;
  }

 private:
  Seen Note(const net::HttpRequest& request) {
    Seen seen = {.method = request.method,
                 .target = request.target,
                 .body = std::string(request.body.RevealText())};
    for (const net::Header& header : request.headers) {
      seen.headers.push_back(header.name + ": " + header.value);
    }
    for (const net::SecretHeader& header : request.secret_headers) {
      seen.headers.push_back(header.name + ": " + std::string(header.value.RevealText()));
    }
    absl::MutexLock lock(&mutex_);
    seen_.push_back(seen);
    return seen;
  }

  const Handler handler_;
  const std::string address_;
  mutable absl::Mutex mutex_;
  std::vector<Seen> seen_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::testing
