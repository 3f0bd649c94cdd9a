// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "base/clock.h"
#include "base/context.h"

namespace rbdcrypt::k8s {

// A thread with an end: `work` is run once, on a thread of its own, with a context that is
// cancelled by Stop(). The destructor stops, too. Stop() may be called again, but by one thread at
// a time and never by the worker itself.
class Worker {
 public:
  Worker(Clock& clock, std::function<void(const Context&)> work);

  ~Worker() { Stop(); }

  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Cancels the context and waits for nothing: where several are to end, each is asked before the
  // first is waited for. From any thread.
  void AskToStop() { stopping_->store(true); }

  // Returns when `work` has: within about a second where that looks at its context.
  void Stop();

 private:
  // Shared with the contexts, which may be copied beyond our life.
  const std::shared_ptr<std::atomic<bool>> stopping_ = std::make_shared<std::atomic<bool>>(false);
  std::thread thread_;
};

}  // namespace rbdcrypt::k8s
