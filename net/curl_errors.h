// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string_view>

#include <curl/curl.h>

#include "base/status.h"

namespace rbdcrypt::net {

// A request that failed, as libcurl tells it.
struct CurlFailure {
  CURLcode code = CURLE_OK;
  // "https://vault.example:8200".
  std::string_view server;
  // CURLOPT_ERRORBUFFER, or "".
  std::string_view detail = {};
  // Whether the request was put on a connection, wholly or in part.
  bool sent = false;
  // Whether the caller's deadline came before the time-out for connecting.
  bool deadline_is_near = false;
  // The TLS alert with which the server ended the handshake (RFC 8446, section 6.2).
  std::optional<int> fatal_alert = {};
  // What is wrong with the server's certificate, as OpenSSL numbers it (X509_V_ERR_…).
  long verify_error = 0;
};

// The error of HttpClient::Send() for it, marked with NeverArrived() where nothing was sent, or
// where the server refused the TLS handshake. In TLS 1.3 the client learns of that only after it
// has sent its request, which such a server never reads.
Status FromCurl(const CurlFailure& failure);

}  // namespace rbdcrypt::net
