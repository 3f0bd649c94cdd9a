// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/wait.h"

#include <utility>

namespace rbdcrypt::k8s {

Worker::Worker(Clock& clock, std::function<void(const Context&)> work)
    : thread_([&clock, work = std::move(work), stopping = stopping_] {
        work(Context({.clock = &clock, .is_cancelled = [stopping] { return stopping->load(); }}));
      }) {}

void Worker::Stop() {
  AskToStop();
  if (thread_.joinable()) {
    thread_.join();
  }
}

}  // namespace rbdcrypt::k8s
