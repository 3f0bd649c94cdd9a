// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/limiter.h"

#include <algorithm>

#include <absl/time/time.h>

namespace rbdcrypt::vault {
namespace {

// How late a cancellation may be noticed.
constexpr absl::Duration kSlice = absl::Milliseconds(100);

}  // namespace

Limiter::Queue& Limiter::QueueOf(Urgency urgency) {
  return urgency == Urgency::kMount ? mounts_ : background_;
}

void Limiter::HandOut() {
  while (free_ > 0 && (!mounts_.empty() || !background_.empty())) {
    Queue& queue = mounts_.empty() ? background_ : mounts_;
    Waiter* const next = queue.front();
    queue.pop_front();
    --free_;
    next->has_seat = true;
    next->turn.Signal();
  }
}

Result<Limiter::Seat> Limiter::Take(const Context& context, Urgency urgency) {
  RETURN_IF_ERROR(context.Check("wait for a place among the requests to Vault"));
  Waiter self;
  absl::MutexLock lock(&mutex_);
  QueueOf(urgency).push_back(&self);
  HandOut();
  while (!self.has_seat) {
    self.turn.WaitWithTimeout(&mutex_, kSlice);
    const Status status = context.Check("wait for a place among the requests to Vault");
    if (!status.ok() && !self.has_seat) {
      std::erase(QueueOf(urgency), &self);
      return status;
    }
  }
  return Seat(this);
}

void Limiter::Release() {
  absl::MutexLock lock(&mutex_);
  ++free_;
  HandOut();
}

std::size_t Limiter::WaitingForTest(Urgency urgency) const {
  absl::MutexLock lock(&mutex_);
  return urgency == Urgency::kMount ? mounts_.size() : background_.size();
}

}  // namespace rbdcrypt::vault
