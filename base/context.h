// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/status.h"

namespace rbdcrypt {

// What every call carries: until when, whether anybody still waits, and its name in the log.
//
// Cheap to copy; thread safe. Check() stands before each step that blocks or changes something.
// Nothing is interrupted by it: a call into librados goes on past the deadline, up to the 30 s of
// its own time-out, and what it did is done.
class Context {
 public:
  struct Options {
    // Null means SystemClock(). Must outlive every copy of the context.
    Clock* clock = nullptr;
    Clock::TimePoint deadline = Clock::TimePoint::max();
    // Empty means never. Called by any thread, also by several at once, and must not block.
    std::function<bool()> is_cancelled = {};
    // For the log; "" where no call is behind it.
    std::string request_id = {};
  };

  explicit Context(Options options);

  // No deadline, never cancelled; for start-up, tests and admin verbs.
  static Context Background();

  // Ok, kCancelled: nobody waits any more, or kDeadlineExceeded: the time is up. `next` says what
  // was about to happen, for the text.
  Status Check(std::string_view next) const;

  // Not below zero; duration::max() if there is no deadline.
  std::chrono::nanoseconds TimeLeft() const;

  // The same call with a deadline `timeout` from now where that is nearer; a later one changes
  // nothing. Cancelling it is the same, too.
  Context WithTimeout(std::chrono::nanoseconds timeout) const;

  // The same call, which `is_cancelled` ends as well; called as Options says.
  Context AlsoCancelledBy(std::function<bool()> is_cancelled) const;

  Clock& clock() const { return *options_.clock; }

  const std::string& request_id() const { return options_.request_id; }

 private:
  Options options_;
};

}  // namespace rbdcrypt
