// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/seat_queue.h"

namespace rbdcrypt::kms {

void SeatQueue::Join(Waiter& waiter) {
  Line(waiter.urgency).push_back(&waiter);
  HandOut();
}

void SeatQueue::Leave(Waiter& waiter) {
  std::erase(Line(waiter.urgency), &waiter);
}

void SeatQueue::Release() {
  ++free_;
  HandOut();
}

void SeatQueue::HandOut() {
  while (free_ > 0 && (!mounts_.empty() || !background_.empty())) {
    std::deque<Waiter*>& line = mounts_.empty() ? background_ : mounts_;
    Waiter* const next = line.front();
    line.pop_front();
    --free_;
    next->has_seat = true;
    next->turn.Signal();
  }
}

}  // namespace rbdcrypt::kms
