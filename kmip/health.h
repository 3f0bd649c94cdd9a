// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"
#include "kmip/server.h"
#include "kmip/server_order.h"

namespace rbdcrypt::kmip {

// How the servers of one key manager do, by what all calls found: which to try first, and the log's
// account of it. That gets a line when another server does the work from now on (kmip_failover,
// kmip_failback), and one when a server begins to refuse us (kmip_server_refused), not one per
// call. Thread safe.
class Health {
 public:
  // The addresses of the servers.
  Health(std::vector<std::string> servers, std::chrono::nanoseconds cool_down);

  // As ServerOrder::For().
  std::vector<std::size_t> OrderFor(Clock::TimePoint now);

  // What came of a try at `server`.
  void Note(std::size_t server, const Tried& tried, Clock::TimePoint now);

 private:
  struct Trouble {
    // What it failed by last.
    std::string text;
    bool is_refusal_logged = false;
  };

  // Which server does the work from now on, instead of which, and why.
  struct Move {
    ServerOrder::Change change;
    std::size_t from;
    std::string why;
  };

  void NoteSuccess(std::size_t server);
  Move MoveTo(std::size_t server);
  void NoteFailure(std::size_t server, const Tried& tried, Clock::TimePoint now);

  const std::vector<std::string> servers_;
  absl::Mutex mutex_;
  ServerOrder order_ ABSL_GUARDED_BY(mutex_);
  std::vector<Trouble> troubles_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::kmip
