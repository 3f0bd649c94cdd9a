// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <openssl/ssl.h>

#include "base/handle.h"
#include "net/http_client.h"
#include "net/url.h"
#include "tests/fakes/loopback_server.h"
#include "tests/fakes/server_tls.h"

namespace rbdcrypt::testing {

// One request as it came in, secrets in clear: these are test values.
struct ServedRequest {
  std::string method;
  // With its leading "/", as it stood in the request line.
  std::string target;
  std::vector<net::Header> headers;
  std::string body;
  // Of the TLS client: the name it asked for, and the common name of its certificate; or "".
  std::string server_name;
  std::string client_name;
  // Which connection it came over, from 1, and as the how manieth of that, from 1.
  int connection = 0;
  int number = 0;

  // The first header of that name, in whatever case, or "".
  std::string Find(std::string_view name) const;
};

// An answer as a server gives it: with Content-Length, over a connection that then serves on.
struct ServedAnswer {
  int status = 200;
  std::vector<net::Header> headers = {};
  std::string body = {};
  // In chunks of a few bytes instead of with Content-Length.
  bool is_chunked = false;

  static ServedAnswer Json(int status, std::string_view body);
};

// What is sent instead of an answer, byte for byte and step by step:
//
//   return RawAnswer().Send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").Close();
//
// The connection is closed behind the last step unless that is KeepOpen().
class RawAnswer {
 public:
  // All at once.
  RawAnswer& Send(std::string bytes) { return Add(Kind::kSend, std::move(bytes)); }

  // Each byte in a packet (with TLS: a record) of its own.
  RawAnswer& SendBytewise(std::string bytes) { return Add(Kind::kSendBytewise, std::move(bytes)); }

  // Says nothing until the client closes the connection or the server ends.
  RawAnswer& WaitForClient() { return Add(Kind::kWaitForClient); }

  // Sends no more but does not close: what the client still sends is read and dropped.
  RawAnswer& CloseHalf() { return Add(Kind::kCloseHalf); }

  // Closes so that the client is told "connection reset".
  RawAnswer& Reset() { return Add(Kind::kReset); }

  RawAnswer& Close() { return Add(Kind::kClose); }

  // Goes on with the next request on this connection.
  RawAnswer& KeepOpen() { return Add(Kind::kKeepOpen); }

 private:
  friend class HttpConnection;
  enum class Kind { kSend, kSendBytewise, kWaitForClient, kCloseHalf, kReset, kClose, kKeepOpen };

  struct Step {
    Kind kind;
    std::string bytes;
  };

  RawAnswer& Add(Kind kind, std::string bytes = {}) {
    steps_.push_back({.kind = kind, .bytes = std::move(bytes)});
    return *this;
  }

  std::vector<Step> steps_;
};

// A real HTTP/1.1 server on 127.0.0.1 and a free port, with a thread per connection, for what a
// client does on a network. The handler answers as it likes; it is called by several threads at
// once, and may wait for what the test decides. Ends every connection when destroyed, so a handler
// must not wait for ever.
//
//   HttpServer server([](const ServedRequest& request) {
//     return ServedAnswer::Json(200, R"({"ok":true})");
//   });
//   auto client = net::CurlHttpClient::New(server.Address(), {});
class HttpServer {
 public:
  using Reply = std::variant<ServedAnswer, RawAnswer>;
  using Handler = std::function<Reply(const ServedRequest& request)>;

  using Tls = ServerTls;

  explicit HttpServer(Handler handler) : HttpServer(std::move(handler), std::nullopt) {}

  HttpServer(Handler handler, std::optional<Tls> tls);

  // Under whatever name leads to 127.0.0.1.
  net::Url Address(std::string_view host = "127.0.0.1") const;

  std::uint16_t port() const { return listener_.port(); }

  // Accepted so far, whatever became of them.
  int connections() const { return listener_.connections(); }

  // Read in whole so far.
  int requests() const;

  // Waits until that many requests were read in whole.
  void AwaitRequests(int count) const;

  // Ends every connection that is open now and goes on serving new ones.
  void CloseConnections() { listener_.CloseConnections(); }

 private:
  friend class HttpConnection;

  void CountRequest();

  const Handler handler_;
  const CHandle<SSL_CTX, SSL_CTX_free> tls_;
  mutable absl::Mutex mutex_;
  int requests_ ABSL_GUARDED_BY(mutex_) = 0;
  // The last member: its threads use the others.
  LoopbackServer listener_;
};

}  // namespace rbdcrypt::testing
