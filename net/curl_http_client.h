// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"
#include "net/curl_transfer.h"
#include "net/http_client.h"
#include "net/tls_options.h"
#include "net/url.h"

namespace rbdcrypt::net {

// HttpClient on libcurl, HTTP/1.1. Thread safe.
//
// A connection stays open behind a request and serves the next one, of whatever caller, unless it
// has been idle for too long or the server closed it. Secrets are in no memory of libcurl but such
// as is wiped when it is freed (curl_memory.h), and a request's body is sent from where it lies.
//
// Limits are those of the Context: without a deadline a request waits for ever for its answer. A
// look-up of a name runs in a thread of libcurl's and is waited for, so a resolver that does not
// answer holds a call back beyond its deadline by its own time-out.
class CurlHttpClient final : public HttpClient {
 public:
  struct Options {
    // Certificates and keys are those of this moment: where files are renewed, see
    // renewed_http_client. Of a plain http server they are not looked at.
    TlsOptions tls = {};
    // For name, connection and TLS handshake together; within the caller's own deadline.
    std::chrono::milliseconds connect_timeout = std::chrono::seconds(10);
    // Connections kept open while nobody uses them.
    std::size_t max_kept_connections = 8;
    // A connection idle for longer is not used again, and closed when another request ends. Shorter
    // than what servers and the balancers before them allow (OpenBao: 5 minutes; many balancers: 1
    // minute), so that they seldom close one that a request is just being sent over.
    std::chrono::seconds max_idle = std::chrono::seconds(30);
    // "http://proxy.example:3128", or "" for none: the environment's are not asked.
    std::string proxy = {};
    // By which connections grow old; null means SystemClock().
    Clock* clock = nullptr;
  };

  // kInvalidArgument: a proxy or server name with characters that none has. Nothing is connected
  // and no certificate is read before the first request.
  static Result<std::unique_ptr<CurlHttpClient>> New(const Url& address, Options options);

  Result<HttpAnswer> Send(const Context& context, const HttpRequest& request) override;

  Result<HttpAnswer> Stream(const Context& context,
                            const HttpRequest& request,
                            const std::function<Status(std::span<const std::byte>)>& sink) override;

  const std::string& address() const override { return target_.text; }

 private:
  // One that nobody uses, and since when.
  struct Idle {
    std::unique_ptr<CurlTransfer> transfer;
    Clock::TimePoint since;
  };

  CurlHttpClient(CurlTarget target, std::size_t max_kept_connections, Clock& clock);

  Result<HttpAnswer> Perform(const Context& context,
                             const HttpRequest& request,
                             const BodySink* sink);
  std::unique_ptr<CurlTransfer> Take();
  void GiveBack(std::unique_ptr<CurlTransfer> transfer);
  std::vector<Idle> TakeOld() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CurlTarget target_;
  const std::size_t max_kept_connections_;
  Clock& clock_;
  absl::Mutex mutex_;
  // The last one used, at the end, is the next one taken: so the others grow old and are closed.
  std::vector<Idle> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::net
