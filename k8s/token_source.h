// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"
#include "base/secret.h"
#include "base/status.h"
#include "net/file_stamp.h"

namespace rbdcrypt::k8s {

// Where the bearer token of a request comes from. Thread safe.
class TokenSource {
 public:
  virtual ~TokenSource() = default;

  // A copy of the token of this moment. kUnavailable, kInvalidArgument: there is none to be read.
  virtual Result<Secret> Token() = 0;

  // Called when the API server refused the token `refused`: looks for another one and says whether
  // there is one, so that asking again makes sense.
  virtual bool Renew(const Secret& refused) = 0;
};

// The same token for ever.
class StaticToken final : public TokenSource {
 public:
  explicit StaticToken(Secret token) : token_(std::move(token)) {}

  Result<Secret> Token() override { return token_.Clone(); }

  bool Renew(const Secret& refused) override { return !SameSecret(refused, token_); }

 private:
  const Secret token_;
};

// The token of a file that somebody replaces now and then: the kubelet does so with a pod's token
// when 80 % of its hour have passed (Kubernetes, "ServiceAccount token volume projection").
//
// Read again when the file's inode, size or time of change differ, and at least every minute. While
// it cannot be read, the last token that was is used: it is valid for a while.
class FileToken final : public TokenSource {
 public:
  FileToken(std::string path, Clock& clock);

  // kUnavailable: no file yet, or an empty one. kInvalidArgument: it cannot be read by us, or is no
  // token: white space or control characters inside, or over 64 KiB.
  Result<Secret> Token() override;

  bool Renew(const Secret& refused) override;

 private:
  Status Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  Clock& clock_;
  absl::Mutex mutex_;
  Secret token_ ABSL_GUARDED_BY(mutex_);
  net::FileStamp stamp_ ABSL_GUARDED_BY(mutex_);
  // Nothing before the first reading.
  std::optional<Clock::TimePoint> read_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::k8s
