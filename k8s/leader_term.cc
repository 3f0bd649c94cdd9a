// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/leader_term.h"

#include <algorithm>

namespace rbdcrypt::k8s {

bool LeaderTerm::Extend(Clock::TimePoint until) {
  const absl::MutexLock lock(&mutex_);
  if (clock_.Now() >= until_) {
    return false;
  }
  until_ = until;
  return true;
}

void LeaderTerm::End() {
  const absl::MutexLock lock(&mutex_);
  until_ = Clock::TimePoint::min();
}

bool LeaderTerm::over() const {
  return TimeLeft() == std::chrono::nanoseconds::zero();
}

std::chrono::nanoseconds LeaderTerm::TimeLeft() const {
  const absl::MutexLock lock(&mutex_);
  const Clock::TimePoint now = clock_.Now();
  return now < until_ ? until_ - now : std::chrono::nanoseconds::zero();
}

}  // namespace rbdcrypt::k8s
