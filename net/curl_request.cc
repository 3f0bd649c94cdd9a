// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/curl_request.h"

#include <algorithm>

#include "base/secret_buffer.h"
#include "base/strings.h"

namespace rbdcrypt::net {
namespace {

// No volume, path or selector of ours comes near it.
constexpr std::size_t kMaxTargetBytes = std::size_t{64} * 1024;

bool IsVisible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// Whether a header may have that value: a line break would begin another header.
bool IsHeaderValue(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

bool IsHeaderName(std::string_view text) {
  return !text.empty() && IsVisible(text) && text.find_first_of(":;") == std::string_view::npos;
}

Status CheckHeader(std::string_view name, std::string_view value) {
  if (!IsHeaderName(name)) {
    return InvalidArgument("a request has a header with a name that none may have");
  }
  if (!IsHeaderValue(value)) {
    return InvalidArgument(Cat("the header ", name, " would have control characters in its value"));
  }
  return OkStatus();
}

}  // namespace

Status CheckRequest(const HttpRequest& request) {
  if (request.method.empty() || !IsVisible(request.method)) {
    return InvalidArgument("a request has no method, or one with characters that none has");
  }
  if (!IsVisible(request.target) || request.target.size() > kMaxTargetBytes) {
    return InvalidArgument("a request's path is not escaped, or too long");
  }
  RETURN_IF_ERROR(CheckHeader("Content-Type", request.content_type));
  for (const Header& header : request.headers) {
    RETURN_IF_ERROR(CheckHeader(header.name, header.value));
  }
  for (const SecretHeader& header : request.secret_headers) {
    RETURN_IF_ERROR(CheckHeader(header.name, header.value.RevealText()));
  }
  return OkStatus();
}

bool MayBeRepeated(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

bool HasBody(const HttpRequest& request) {
  return !request.body.empty() || request.method == "POST" || request.method == "PUT" ||
         request.method == "PATCH";
}

CurlHeaders::CurlHeaders(const HttpRequest& request, std::string_view host) {
  if (!host.empty()) {
    Add("Host", host);
  }
  // libcurl would add both by itself: a pause of a second before a large body, and the type of an
  // HTML form.
  Add("Expect", std::nullopt);
  Add("Content-Type", request.content_type.empty()
                          ? std::nullopt
                          : std::optional<std::string_view>(request.content_type));
  for (const Header& header : request.headers) {
    Add(header.name, header.value);
  }
  for (const SecretHeader& header : request.secret_headers) {
    Add(header.name, header.value.RevealText());
  }
  for (Secret& line : lines_) {
    nodes_.push_back(
        {.data = reinterpret_cast<char*>(line.MutableBytes().data()), .next = nullptr});
  }
  for (std::size_t i = 1; i < nodes_.size(); ++i) {
    nodes_[i - 1].next = &nodes_[i];
  }
}

// To libcurl "Name:" is no such header, and "Name;" an empty one.
void CurlHeaders::Add(std::string_view name, std::optional<std::string_view> value) {
  SecretBuffer line;
  line.Append(name);
  line.Append(value && value->empty() ? ";" : ": ");
  line.Append(value.value_or(""));
  line.Append(std::string_view("\0", 1));
  lines_.push_back(line.Take());
}

}  // namespace rbdcrypt::net
