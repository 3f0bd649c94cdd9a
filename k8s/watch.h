// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/status.h"
#include "k8s/client.h"
#include "k8s/object_cache.h"
#include "k8s/wait.h"

namespace rbdcrypt::k8s {

// Told of each change, with all objects as they are after it: first, once, the whole set (which may
// be empty), then whatever happens. Runs on the watcher's thread, which watches nothing meanwhile;
// `all` is valid for the call.
using WatchListener =
    std::function<void(const std::vector<ObjectChange>& changes, const ObjectSet& all)>;

struct WatcherOptions {
  Resource resource;
  // One object: .ns and .fields = "metadata.name=kms-config".
  Selection selection = {};
  // Of one watch; up to twice that, so that not all watches of a cluster end at once (client-go,
  // reflector.go, minWatchTimeout).
  std::chrono::seconds watch_timeout = std::chrono::minutes(5);
  // The wait after the n-th failure in a row is in [1/2, 1] of min(backoff_cap, backoff * 2^n)
  // (client-go, reflector.go: 0.8 s to 30 s).
  std::chrono::nanoseconds backoff = std::chrono::seconds(1);
  std::chrono::nanoseconds backoff_cap = std::chrono::seconds(30);
};

// Follows a set of objects: lists it, watches from there, goes on where a watch ended or dropped,
// and lists again where the API server has forgotten (410) or says anything else that is no passing
// trouble, or where nothing but trouble comes. An error is logged and tried again for
// as long as it takes; the set stays as it was last known. No thread: see Watcher.
class WatchLoop {
 public:
  // `client` must outlive it.
  WatchLoop(Client& client, WatcherOptions options, WatchListener listener);

  // Runs until the context ends, which is noticed within a second.
  void Run(const Context& context);

  // One turn of it: a list, where one is due, and a watch to its end. The error that it ended with,
  // if any; waits for nothing. Used by Run.
  Status Turn(const Context& context);

  // Whether the set was listed once. Thread safe.
  bool synced() const { return synced_.load(); }

 private:
  Status ListAll(const Context& context);
  Status WatchOnce(const Context& context);
  // How long to wait after a turn that took so long and ended so; none after a good one.
  std::chrono::nanoseconds WaitAfter(const Status& status, std::chrono::nanoseconds took);

  Client& client_;
  const WatcherOptions options_;
  const WatchListener listener_;
  ObjectCache cache_;
  bool needs_list_ = true;
  bool heard_ = false;
  int failures_ = 0;
  std::atomic<bool> synced_ = false;
};

// A WatchLoop on a thread of its own, from construction to Stop(), which returns within about a
// second, or to destruction; the listener is not called after that.
class Watcher {
 public:
  Watcher(Client& client, Clock& clock, WatcherOptions options, WatchListener listener)
      : loop_(client, std::move(options), std::move(listener)),
        worker_(clock, [this](const Context& context) { loop_.Run(context); }) {}

  bool synced() const { return loop_.synced(); }

  // See Worker.
  void AskToStop() { worker_.AskToStop(); }

  void Stop() { worker_.Stop(); }

 private:
  WatchLoop loop_;
  Worker worker_;
};

}  // namespace rbdcrypt::k8s
