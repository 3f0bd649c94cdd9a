// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/wait.h"

#include <algorithm>
#include <cstdint>
#include <random>

namespace rbdcrypt {
namespace {

using std::chrono::nanoseconds;

// How late a cancellation may be noticed.
constexpr nanoseconds kSlice = std::chrono::milliseconds(100);

}  // namespace

bool WaitFor(const Context& context, nanoseconds wait) {
  if (wait >= context.TimeLeft()) {
    return false;
  }
  Clock& clock = context.clock();
  const Clock::TimePoint end =
      clock.Now() + std::chrono::duration_cast<Clock::TimePoint::duration>(wait);
  while (context.Check("wait").ok()) {
    if (clock.Now() >= end) {
      return true;
    }
    clock.SleepUntil(std::min(end, clock.Now() + kSlice));
  }
  return false;
}

nanoseconds RandomBetween(nanoseconds least, nanoseconds most) {
  thread_local std::mt19937_64 engine{std::random_device{}()};
  return nanoseconds(
      std::uniform_int_distribution<std::int64_t>(least.count(), most.count())(engine));
}

}  // namespace rbdcrypt
