// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/retry.h"

#include <algorithm>

#include "base/wait.h"

namespace rbdcrypt {
namespace {

using std::chrono::nanoseconds;

bool IsRetryable(Code code) {
  return code == Code::kUnavailable || code == Code::kAborted;
}

}  // namespace

Status Retry(const Context& context,
             const RetryOptions& options,
             const std::function<Status()>& attempt) {
  nanoseconds limit = std::min(options.base, options.cap);
  for (int attempts = 1;; ++attempts) {
    Status status = attempt();
    if (status.ok() || !IsRetryable(status.code()) || attempts >= options.max_attempts ||
        !WaitFor(context, RandomBetween(nanoseconds::zero(), limit))) {
      return status;
    }
    // Doubled without overflow.
    limit = limit > options.cap / 2 ? options.cap : limit * 2;
  }
}

}  // namespace rbdcrypt
