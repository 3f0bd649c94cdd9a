// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <deque>

#include <absl/synchronization/mutex.h>

namespace rbdcrypt::kms {

// Who waits for the answer.
enum class Urgency {
  // A call of a pod's start: somebody waits.
  kMount,
  // A rotation, a sweep: nobody does.
  kBackground,
};

// The order of a limited number of seats: mounts before background work, first come first served
// among equals. So a mount gets the next seat that becomes free, however many wait. Only the order:
// vault/limiter does the waiting, under its lock. Not thread safe.
class SeatQueue {
 public:
  // One who wants a seat; outlives its place in the queue.
  struct Waiter {
    explicit Waiter(Urgency with_urgency) : urgency(with_urgency) {}

    const Urgency urgency;
    bool has_seat = false;
    // Signalled with the seat.
    absl::CondVar turn;
  };

  // `seats` at least 1.
  explicit SeatQueue(std::size_t seats) : free_(seats) {}

  // Takes a seat at once, or waits in line.
  void Join(Waiter& waiter);

  // Gives up; only while it has no seat.
  void Leave(Waiter& waiter);

  // A seat is given back, and goes to who is next.
  void Release();

  std::size_t waiting(Urgency urgency) const {
    return (urgency == Urgency::kMount ? mounts_ : background_).size();
  }

 private:
  std::deque<Waiter*>& Line(Urgency urgency) {
    return urgency == Urgency::kMount ? mounts_ : background_;
  }

  void HandOut();

  std::size_t free_;
  std::deque<Waiter*> mounts_;
  std::deque<Waiter*> background_;
};

}  // namespace rbdcrypt::kms
