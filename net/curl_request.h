// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <curl/curl.h>

#include "base/secret.h"
#include "base/status.h"
#include "net/http_client.h"

namespace rbdcrypt::net {

// kInvalidArgument: a method, target or header that would be more than one in what is sent (a
// space, a line break), or a target beyond 64 KiB. The text never shows a value.
Status CheckRequest(const HttpRequest& request);

// Whether it may be sent twice without anybody asking (RFC 9110, section 9.2.2): GET and HEAD.
bool MayBeRepeated(const HttpRequest& request);

// Whether a body belongs to it, if one of no bytes.
bool HasBody(const HttpRequest& request);

// The header lines of a request as libcurl wants them, in Secrets: curl_slist_append() would copy
// them. Needs the request only while it is made; libcurl keeps pointers into it. Not thread safe.
class CurlHeaders {
 public:
  // `host`: what "Host" is to say, or "" for what libcurl would.
  explicit CurlHeaders(const HttpRequest& request, std::string_view host = "");
  CurlHeaders(const CurlHeaders&) = delete;
  CurlHeaders& operator=(const CurlHeaders&) = delete;

  // For CURLOPT_HTTPHEADER; never to be freed.
  curl_slist* get() { return nodes_.data(); }

 private:
  // Without a value it takes away the header that libcurl would add by itself.
  void Add(std::string_view name, std::optional<std::string_view> value);

  std::vector<Secret> lines_;
  std::vector<curl_slist> nodes_;
};

}  // namespace rbdcrypt::net
