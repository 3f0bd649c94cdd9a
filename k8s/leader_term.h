// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"

namespace rbdcrypt::k8s {

// One time of leading: from when a lease was won until it was not renewed in time, turned out to be
// another's or gone, or was given back. What is over stays over; who leads again does so in another
// term. Thread safe.
class LeaderTerm {
 public:
  // `clock` must outlive it, and those who ask it. It ends at `until` unless that is put off.
  LeaderTerm(Clock& clock, Clock::TimePoint until) : clock_(clock), until_(until) {}

  // False, and nothing is put off, where it was over already.
  bool Extend(Clock::TimePoint until);

  void End();

  bool over() const;

  // Not below zero.
  std::chrono::nanoseconds TimeLeft() const;

 private:
  Clock& clock_;
  mutable absl::Mutex mutex_;
  Clock::TimePoint until_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::k8s
