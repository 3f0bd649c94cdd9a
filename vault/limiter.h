// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <deque>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/context.h"
#include "base/status.h"

namespace rbdcrypt::vault {

// Who waits for the answer.
enum class Urgency {
  // A call of a pod's start: somebody waits.
  kMount,
  // A rotation, a sweep: nobody does.
  kBackground,
};

// How many requests go to one server at once, and in which order the others follow: mounts before
// background work, first come first served among equals. However many background requests wait, a
// mount's waits for at most one of them to end. Thread safe.
//
//   ASSIGN_OR_RETURN(const Limiter::Seat seat, limiter.Take(context, urgency));
class Limiter {
 public:
  // `seats` at least 1.
  explicit Limiter(std::size_t seats) : free_(seats) {}

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
  // One who waits; stands on the waiting thread's stack.
  struct Waiter {
    bool has_seat = false;
    absl::CondVar turn;
  };

  using Queue = std::deque<Waiter*>;

  void Release();
  Queue& QueueOf(Urgency urgency) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void HandOut() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::size_t free_ ABSL_GUARDED_BY(mutex_);
  Queue mounts_ ABSL_GUARDED_BY(mutex_);
  Queue background_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::vault
