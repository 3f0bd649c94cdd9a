// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>

namespace rbdcrypt {

// Time, injected so that tests own it (tests/support/fake_clock.h).
//
// Thread safe. Deadlines and durations use the steady clock; Wall() is for what is written down.
class Clock {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  virtual ~Clock() = default;

  virtual TimePoint Now() const = 0;
  virtual std::chrono::system_clock::time_point Wall() const = 0;

  // Returns at `when`, or at once if that is past.
  virtual void SleepUntil(TimePoint when) = 0;
};

// The real one; lives as long as the process.
Clock& SystemClock();

}  // namespace rbdcrypt
