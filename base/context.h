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
class Context {
 public:
  struct Options {
    Clock* clock = nullptr;
    Clock::TimePoint deadline = Clock::TimePoint::max();
    std::function<bool()> is_cancelled = {};
    std::string request_id = {};
  };

  explicit Context(Options options);

  // No deadline, never cancelled; for start-up, tests and admin verbs.
  static Context Background();

  // Ok, kCancelled or kDeadlineExceeded; `next` says what was about to happen.
  Status Check(std::string_view next) const;

  // Not below zero; duration::max() if there is no deadline.
  std::chrono::nanoseconds TimeLeft() const;

  // The same call with a nearer deadline; a later one changes nothing.
  Context WithTimeout(std::chrono::nanoseconds timeout) const;

  Clock& clock() const { return *options_.clock; }

  const std::string& request_id() const { return options_.request_id; }

 private:
  Options options_;
};

}  // namespace rbdcrypt
