// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/retry.h"

#include <algorithm>
#include <cstdint>
#include <random>

namespace rbdcrypt {
namespace {

using std::chrono::nanoseconds;

// How late a cancellation may be noticed in a wait.
constexpr nanoseconds kSlice = std::chrono::milliseconds(100);

bool IsRetryable(Code code) {
  return code == Code::kUnavailable || code == Code::kAborted;
}

nanoseconds Jitter(nanoseconds limit) {
  // Spreads callers apart; nothing secret hangs on it.
  thread_local std::mt19937_64 engine{std::random_device{}()};
  return nanoseconds(std::uniform_int_distribution<std::int64_t>(0, limit.count())(engine));
}

// True if the whole wait passed, false if the context ended first or would.
bool Wait(const Context& context, nanoseconds wait) {
  if (wait >= context.TimeLeft()) {
    return false;
  }
  Clock& clock = context.clock();
  const Clock::TimePoint end = clock.Now() + wait;
  while (context.Check("the next attempt").ok()) {
    if (clock.Now() >= end) {
      return true;
    }
    clock.SleepUntil(std::min(end, clock.Now() + kSlice));
  }
  return false;
}

}  // namespace

Status Retry(const Context& context,
             const RetryOptions& options,
             const std::function<Status()>& attempt) {
  nanoseconds limit = std::min(options.base, options.cap);
  for (int attempts = 1;; ++attempts) {
    Status status = attempt();
    if (status.ok() || !IsRetryable(status.code()) || attempts >= options.max_attempts ||
        !Wait(context, Jitter(limit))) {
      return status;
    }
    // Doubled without overflow.
    limit = limit > options.cap / 2 ? options.cap : limit * 2;
  }
}

}  // namespace rbdcrypt
