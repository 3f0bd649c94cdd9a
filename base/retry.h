// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <functional>
#include <string_view>

#include "base/context.h"
#include "base/status.h"

namespace rbdcrypt {

// Exponential back-off with full jitter: the n-th wait is uniform in [0, min(cap, base * 2^n)].
// Defaults: 3 retries, 1 s base (Apache CloudStack 4.23 kms.retry.*, kept as our own).
struct RetryOptions {
  int max_attempts = 4;
  std::chrono::nanoseconds base = std::chrono::seconds(1);
  std::chrono::nanoseconds cap = std::chrono::seconds(10);
};

// Runs `attempt` until it succeeds, fails with anything but kUnavailable or kAborted, or attempts
// or the context's time run out; returns the last status. A wait that would outlast the deadline
// is not begun. `attempt` must be repeatable.
Status Retry(const Context& context,
             const RetryOptions& options,
             const std::function<Status()>& attempt);

}  // namespace rbdcrypt
