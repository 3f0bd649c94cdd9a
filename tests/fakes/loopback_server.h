// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <thread>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/handle.h"

namespace rbdcrypt::testing {

// Listens on 127.0.0.1 and a free port, and serves each connection in a thread of its own, with
// SIGPIPE blocked. Thread safe.
class LoopbackServer {
 public:
  // Serves connection `number`, from 1 on, and returns when that is to be closed. Blocking calls on
  // `fd` end when the server does.
  using Serve = std::function<void(int fd, int number)>;

  explicit LoopbackServer(Serve serve);

  // Ends every connection and waits for its thread.
  ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  std::uint16_t port() const { return port_; }

  // Accepted so far, whatever became of them.
  int connections() const;

  // Ends every connection that is open now and goes on serving new ones.
  void CloseConnections();

 private:
  void Accept();
  void Run(int fd, int number);

  const Serve serve_;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  mutable absl::Mutex mutex_;
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<int> open_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  std::thread acceptor_;
};

}  // namespace rbdcrypt::testing
