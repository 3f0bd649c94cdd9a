// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/secret_json.h"
#include "base/status.h"
#include "net/http_client.h"

namespace rbdcrypt::vault {

// What an answer means, whatever was asked. Error texts are no interface: where cases share a
// status the smallest stable piece of the text decides, and an unknown one is the harsher case.
//
//   verdict        answers                                                what follows
//   kSuccess       2xx                                                    use it
//   kRetrySoon     412, 500, 502, 504, other 5xx, 2xx that is no JSON     again, other address
//   first kRetryLater    503, 472 to 474, 530, 500 without an active node,      again, with longer
//   waits
//                  a redirect to a host nobody named, 400 of a KV mount
//                  that is being made, 404 of a proxy
//   kThrottled     429                                                    wait as told, again
//   kDenied        403                                                    one new login, once again
//   kConflict      400 of a check-and-set                                 read, decide
//   kAbsent        404 of a Vault                                         the asker's to tell apart
//   kRefused       400, 405, 413, 501, other 4xx                          report
//
// "Absent" lets a DEK be made or a delete end, so only what has the form of a Vault's answer, a
// JSON object with "errors", "data" or "warnings" (vault.md 2), is taken for it.
enum class Verdict {
  kSuccess,
  kRetrySoon,
  kRetryLater,
  kThrottled,
  kDenied,
  kConflict,
  kAbsent,
  kRefused,
};

// One answer of Vault or OpenBao. The body is a Secret and stays one: what is read from it is
// looked up in place. Not thread safe while moved.
class Answer {
 public:
  // Reads status, headers and error texts; whatever came is an Answer.
  static Answer From(net::HttpAnswer http);

  Verdict verdict() const { return verdict_; }

  int status() const { return status_; }

  // The texts of "errors", else of "warnings": one line, without control characters, cut to 512
  // bytes; "" where there are none. Never anything else of the body.
  const std::string& text() const { return text_; }

  bool Says(std::string_view piece) const { return text_.find(piece) != std::string::npos; }

  // The seconds of Retry-After, where there is one.
  std::optional<std::chrono::seconds> retry_after() const { return retry_after_; }

  // Vault Enterprise's X-Vault-Index: the state this answer was made of; "" elsewhere.
  const std::string& index() const { return index_; }

  // Where a redirect points; "" for other answers.
  const std::string& location() const { return location_; }

  // The body, read in place: valid as long as this answer. kUnavailable: there is none, or it is no
  // JSON: something that is no Vault answered.
  Result<SecretJson> Json() const;

  // Whether the server may have acted upon a request that it answered so: an answer of a proxy
  // does not tell what the Vault behind it did.
  bool MayHaveActed() const;

  // Whether an earlier try of the same request may have been acted upon; set by vault/client.
  bool was_repeated() const { return was_repeated_; }

  void set_was_repeated(bool value) { was_repeated_ = value; }

  // "HTTP 403: permission denied".
  std::string Describe() const;

 private:
  Answer() = default;

  int status_ = 0;
  Verdict verdict_ = Verdict::kRefused;
  Secret body_;
  bool is_json_ = false;
  // The body has the form of a Vault's answer.
  bool is_vaults_ = false;
  bool was_repeated_ = false;
  std::string text_;
  std::optional<std::chrono::seconds> retry_after_;
  std::string index_;
  std::string location_;
};

}  // namespace rbdcrypt::vault
