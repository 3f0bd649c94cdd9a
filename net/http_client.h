// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "net/arrival.h"

namespace rbdcrypt::net {

struct Header {
  std::string name;
  std::string value;
};

// A header whose value nobody may see: "X-Vault-Token: …", "Authorization: Bearer …".
struct SecretHeader {
  std::string name;
  Secret value;
};

// One request. Bodies are Secrets in both directions, since keys travel in them, unless it says
// that its answer holds none.
struct HttpRequest {
  std::string method = "GET";
  // Path and query behind the server's address, escaped, without the leading "/": "v1/sys/health".
  std::string target = {};
  std::vector<Header> headers = {};
  std::vector<SecretHeader> secret_headers = {};
  // Of the body; "" where there is none.
  std::string content_type = {};
  Secret body = {};
  // A longer answer is an error. 1 MiB is ample for a key, not for a list of a cluster's objects.
  std::size_t max_answer_bytes = 1U << 20;
  // The answer holds no secret: its body may come as HttpAnswer::text. For what can be large, since
  // all Secrets of the process share some MiB of locked memory (base/secret.cc).
  bool has_public_answer = false;
};

struct HttpAnswer {
  // 100 to 599.
  int status = 0;
  std::vector<Header> headers = {};
  Secret body = {};
  // The body instead, of a request with a public answer.
  std::string text = {};

  // The body, wherever it is.
  std::string_view BodyText() const { return text.empty() ? body.RevealText() : text; }

  // The first header of that name, in whatever case, or nothing.
  std::optional<std::string> Find(std::string_view name) const;
};

// One server behind one address, spoken to over kept connections. Thread safe: as many requests at
// once as there are callers, each over a connection of its own.
//
// Sends a request once: nothing is repeated and no redirect is followed, for what may be repeated
// only the caller knows. Errors (any answer, whatever its status, is no error):
//
//   kUnavailable       no name, nobody listening, connection lost, no whole answer
//   kDeadlineExceeded, kCancelled   the caller's limit came first
//   kInvalidArgument   the server's certificate does not verify (wrong CA, other name, expired), it
//                      refused ours, or our own CA, certificate or key are unreadable
//   kDataLoss          the answer is no HTTP, or longer than allowed
//
// The text names the server's address, never a header or a body.
class HttpClient {
 public:
  virtual ~HttpClient() = default;

  virtual Result<HttpAnswer> Send(const Context& context, const HttpRequest& request) = 0;

  // As Send, but gives the body of a 2xx answer to `sink` as it comes, in pieces of any size, and
  // returns an empty one; max_answer_bytes counts for other answers only. When such an answer
  // begins, before its body, `sink` may be given a piece of no bytes. Ends with the answer,
  // with the first error of `sink`, which it returns, or when the context is cancelled (noticed
  // within a second).
  virtual Result<HttpAnswer> Stream(
      const Context& context,
      const HttpRequest& request,
      const std::function<Status(std::span<const std::byte>)>& sink) = 0;

  // "https://vault.example:8200", for texts.
  virtual const std::string& address() const = 0;
};

}  // namespace rbdcrypt::net
