// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "base/context.h"
#include "base/handle.h"
#include "base/status.h"
#include "net/body_buffer.h"
#include "net/http_client.h"
#include "net/tls_options.h"
#include "net/url.h"

namespace rbdcrypt::net {

// What all transfers of one client have in common.
struct CurlTarget {
  // Before the target of each request; with the name to verify in place of the host where they
  // differ.
  std::string base_url;
  // The address as it was given, for texts.
  std::string text;
  // "name:port:host:port" for CURLOPT_CONNECT_TO where base_url has another name; else "".
  std::string connect_to;
  // Then also the host and port of the address, which the request's "Host" is to say all the same.
  std::string host_header;
  TlsOptions tls;
  std::chrono::milliseconds connect_timeout;
  std::chrono::seconds max_idle;
  std::string proxy;
};

using BodySink = std::function<Status(std::span<const std::byte>)>;

// One easy handle of libcurl, used by one caller at a time, with the one connection it keeps.
//
// A request goes out once. libcurl itself repeats one on a new connection when a kept one turns out
// to be closed before a byte of the answer came, whatever the method (Curl_retry_request,
// lib/transfer.c); but the server may have acted before it closed. So that is let happen for GET
// and HEAD alone, and ends any other with kUnavailable.
class CurlTransfer {
 public:
  // `target` must outlive it.
  explicit CurlTransfer(const CurlTarget& target);
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  // As HttpClient::Send(), or Stream() where there is a sink.
  Result<HttpAnswer> Perform(const Context& context,
                             const HttpRequest& request,
                             const BodySink* sink);

 private:
  // What belongs to the request under way.
  struct Exchange {
    const Context& context;
    const HttpRequest& request;
    const BodySink* sink;
    // Whether the time left was less than that for connecting.
    bool deadline_is_near = false;
    BodyBuffer body;
    HttpAnswer answer = {};
    std::size_t header_bytes = 0;
    // libcurl takes a connection that is closed amid the headers for the end of an answer.
    bool has_all_headers = false;
    // How often libcurl was about to put the request on a connection.
    int sends = 0;
    // Why one of our own functions ended it.
    Status failure = {};
    // Whether it needed a new TLS connection.
    bool has_handshake = false;
    // How such a handshake failed: the server's alert, or what is wrong with its certificate.
    std::optional<int> fatal_alert = {};
    long verify_error = X509_V_OK;
  };

  template <typename Value>
  void Set(CURLoption option, Value value);
  void SetBlob(CURLoption option, std::string_view data);
  void SetConnection();
  void SetTls();
  void SetRequest(const HttpRequest& request);
  void SetLimits();
  void SetCallbacks();

  static std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* self);
  static int OnProgress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
  static int OnSend(void* self, char*, char*, int, int);
  static CURLcode OnTlsContext(CURL* easy, void* tls_context, void* self);
  static void OnTlsEvent(const SSL* connection, int where, int value);

  Status TakeHeader(std::string_view line);
  Status TakeLastHeader();
  Status TakeBody(std::span<const std::byte> bytes);
  long StatusSoFar() const;

  Status Outcome(CURLcode code) const;

  const CurlTarget& target_;
  Exchange* exchange_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> error_text_ = {};
  // The last member: while it is destroyed it closes its connection, with the above at hand.
  CHandle<CURL, curl_easy_cleanup> easy_;
};

}  // namespace rbdcrypt::net
