// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/status.h"
#include "kmip/connection.h"
#include "net/byte_stream.h"

namespace rbdcrypt::kmip {

// The connections to one server: those lent, each to one borrower, and those kept until the next
// one comes. How many are lent at once the borrowers' seats say (kms::Limiter); no more than `most`
// are kept. One that is not as good as new is closed when it is given back. Thread safe.
class Pool {
 public:
  struct Options {
    std::size_t most;
    // One that was used last so long ago is not used again.
    std::chrono::nanoseconds idle;
    Connection::Timeouts timeouts;
  };

  // `dialer` must outlive the pool.
  Pool(net::Dialer& dialer, Options options) : dialer_(dialer), options_(options) {}

  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // A connection while it is lent; given back on destruction. Must not outlive the pool.
  class Lease {
   public:
    Lease(Pool* pool, std::unique_ptr<Connection> connection)
        : pool_(pool), connection_(std::move(connection)) {}

    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&& other) noexcept;

    ~Lease() { GiveBack(); }

    Connection* operator->() const { return connection_.get(); }

    // Gives it back now: as good as it is, to be kept or closed. Then there is none.
    void GiveBack();

    bool is_over() const { return connection_ == nullptr; }

   private:
    Pool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  // The kept connection that was given back last, of those that are quiet; a new one where there is
  // none. The others, and those that were idle for too long, are closed on the way. Errors as
  // net::Dialer::Dial().
  Result<Lease> Lend(const Context& context);

  // A new one, whatever is kept. Errors as net::Dialer::Dial().
  Result<Lease> Dial(const Context& context);

  // Lent and kept.
  std::size_t open() const { return open_; }

  // How often the server was dialled, with or without success.
  std::size_t dials() const { return dials_; }

 private:
  void GiveBack(std::unique_ptr<Connection> connection);
  void Close(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> TakeKept();
  std::vector<std::unique_ptr<Connection>> TakeIdle(Clock::TimePoint now);

  net::Dialer& dialer_;
  const Options options_;
  std::atomic<std::size_t> open_ = 0;
  std::atomic<std::size_t> dials_ = 0;
  mutable absl::Mutex mutex_;
  // In the order in which they were given back.
  std::vector<std::unique_ptr<Connection>> kept_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::kmip
