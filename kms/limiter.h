// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/context.h"
#include "base/status.h"
#include "kms/seat_queue.h"

namespace rbdcrypt::kms {

// How many requests go to one server at once; the others wait in the order of vault/seat_queue. So
// however many background requests wait, a mount's waits for at most one of them to end. Thread
// safe.
//
//   ASSIGN_OR_RETURN(const Limiter::Seat seat, limiter.Take(context, urgency));
class Limiter {
 public:
  // `seats` at least 1.
  explicit Limiter(std::size_t seats) : queue_(seats) {}

  Limiter(const Limiter&) = delete;
  Limiter& operator=(const Limiter&) = delete;

  // The right to one request; given back on destruction. Must not outlive the limiter.
  class Seat {
   public:
    explicit Seat(Limiter* limiter) : limiter_(limiter) {}

    Seat(Seat&& other) noexcept : limiter_(std::exchange(other.limiter_, nullptr)) {}

    Seat& operator=(Seat&&) = delete;

    ~Seat() {
      if (limiter_ != nullptr) {
        limiter_->Release();
      }
    }

   private:
    Limiter* limiter_;
  };

  // Waits for a seat. kCancelled, kDeadlineExceeded: as the context says, noticed within 100 ms.
  Result<Seat> Take(const Context& context, Urgency urgency);

  // How many wait now.
  std::size_t WaitingForTest(Urgency urgency) const;

 private:
  void Release();

  mutable absl::Mutex mutex_;
  SeatQueue queue_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::kms
