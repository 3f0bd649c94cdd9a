// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"

namespace rbdcrypt::testing {

// Time that passes only when told to: by Advance(), or by SleepUntil(), which moves it to the
// wanted moment and returns at once. Thread safe. Starts at one hour after the steady clock's
// epoch and at 2026-01-01 00:00:00 UTC of wall time; both move together.
class FakeClock final : public Clock {
 public:
  TimePoint Now() const override {
    absl::MutexLock lock(&mutex_);
    return kStart + passed_;
  }

  std::chrono::system_clock::time_point Wall() const override {
    absl::MutexLock lock(&mutex_);
    return kWallStart + std::chrono::duration_cast<std::chrono::system_clock::duration>(passed_);
  }

  void SleepUntil(TimePoint when) override {
    absl::MutexLock lock(&mutex_);
    if (when > kStart + passed_) {
      slept_ += when - (kStart + passed_);
      passed_ = when - kStart;
    }
  }

  void Advance(std::chrono::nanoseconds by) {
    absl::MutexLock lock(&mutex_);
    passed_ += by;
  }

  // How much of the time passed in SleepUntil().
  std::chrono::nanoseconds slept() const {
    absl::MutexLock lock(&mutex_);
    return slept_;
  }

 private:
  static constexpr TimePoint kStart = TimePoint(std::chrono::hours(1));
  static constexpr std::chrono::system_clock::time_point kWallStart =
      std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);

  mutable absl::Mutex mutex_;
  std::chrono::nanoseconds passed_ ABSL_GUARDED_BY(mutex_) = std::chrono::nanoseconds::zero();
  std::chrono::nanoseconds slept_ ABSL_GUARDED_BY(mutex_) = std::chrono::nanoseconds::zero();
};

}  // namespace rbdcrypt::testing
