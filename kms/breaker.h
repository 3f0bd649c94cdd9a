// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"
#include "base/status.h"

namespace rbdcrypt::kms {

// Answers fast while a server is down: after some failed tries in a row it lets nobody through for
// a while, then one as a probe, whose fate decides. Thread safe.
class Breaker {
 public:
  struct Options {
    // Failed tries in a row that open it.
    int threshold = 5;
    // How long it stays open; doubled by each failed probe, up to the longest.
    std::chrono::seconds pause = std::chrono::seconds(2);
    std::chrono::seconds longest_pause = std::chrono::seconds(30);
  };

  // `server` for texts: "Vault at https://…".
  Breaker(std::string server, Options options);

  // The right to one try, which is followed by exactly one Report with it.
  struct Ticket {
    bool is_probe = false;
  };

  // Whether a try may go out now.
  // kUnavailable: open; the text says since when the server is down, why, and when the next try is.
  Result<Ticket> Allow(const Clock& clock);

  enum class Outcome {
    // It answered, whatever it said.
    kAlive,
    kDown,
    // Cancelled, say: nothing was learnt.
    kUnknown,
  };

  // `why` for Outcome::kDown: "connection refused". A try that began before it opened ends no
  // probe.
  void Report(const Clock& clock, Ticket ticket, Outcome outcome, std::string_view why);

 private:
  const std::string server_;
  const Options options_;
  absl::Mutex mutex_;
  int failures_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_probing_ ABSL_GUARDED_BY(mutex_) = false;
  std::chrono::seconds pause_ ABSL_GUARDED_BY(mutex_);
  Clock::TimePoint open_until_ ABSL_GUARDED_BY(mutex_);
  std::chrono::system_clock::time_point down_since_ ABSL_GUARDED_BY(mutex_);
  std::string why_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::kms
