// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/limiter.h"

#include <absl/time/time.h>

namespace rbdcrypt::kms {
namespace {

// How late a cancellation may be noticed.
constexpr absl::Duration kSlice = absl::Milliseconds(100);

}  // namespace

Result<Limiter::Seat> Limiter::Take(const Context& context, Urgency urgency) {
  RETURN_IF_ERROR(context.Check("wait for a place among the requests to the key manager"));
  SeatQueue::Waiter self(urgency);
  absl::MutexLock lock(&mutex_);
  queue_.Join(self);
  while (!self.has_seat) {
    self.turn.WaitWithTimeout(&mutex_, kSlice);
    const Status status = context.Check("wait for a place among the requests to the key manager");
    if (!status.ok() && !self.has_seat) {
      queue_.Leave(self);
      return status;
    }
  }
  return Seat(this);
}

void Limiter::Release() {
  absl::MutexLock lock(&mutex_);
  queue_.Release();
}

std::size_t Limiter::WaitingForTest(Urgency urgency) const {
  absl::MutexLock lock(&mutex_);
  return queue_.waiting(urgency);
}

}  // namespace rbdcrypt::kms
