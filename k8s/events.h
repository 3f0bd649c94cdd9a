// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/status.h"
#include "k8s/client.h"
#include "k8s/event_filter.h"
#include "k8s/wait.h"

namespace rbdcrypt::k8s {

// Where a CSI call leaves an Event. Thread safe; never blocks, never fails.
class EventRecorder {
 public:
  virtual ~EventRecorder() = default;

  virtual void Record(Event event) = 0;
};

struct EventSenderOptions {
  // Which program says it ("source.component"), and which of its instances: the node or pod.
  std::string component = std::string(kProgram);
  std::string instance = {};
  // Events that wait; one more is dropped (client-go, maxQueuedEvents).
  std::size_t max_queued = 1000;
};

// Writes Events (core/v1, which needs the RBAC verbs create and patch on "events") from a thread of
// its own: repetitions raise a count, floods are cut (k8s/event_filter), what cannot be written is
// counted as dropped. Events about objects of no namespace go to "default", as client-go's do.
class EventSender final : public EventRecorder {
 public:
  // `client` and `clock` must outlive it.
  EventSender(Client& client, Clock& clock, EventSenderOptions options);

  ~EventSender() override { Stop(); }

  void Record(Event event) override;

  // Writes what waits, for a second at most, and ends. Later events are dropped.
  void Stop();

  // How many were not written: the queue was full, the rate too high, or the API server said no.
  std::int64_t dropped() const;

 private:
  void Run(const Context& context);
  // False: nothing came.
  bool WaitForEvent();
  // Whether the time to write what waits is over, too.
  bool GaveUp() const;
  // Sends all that wait, while the context lasts.
  void Drain(const Context& context);
  Status Send(const Context& context, const Event& event);
  Status CreateObject(const Context& context, const Event& event);
  Status CountInObject(const Context& context,
                       const Event& event,
                       const EventFilter::Decision& decision);
  std::string NewName(const Event& event, WallTime now);
  void CountDropped(std::int64_t events);

  Client& client_;
  Clock& clock_;
  const EventSenderOptions options_;
  // Of the worker's thread.
  EventFilter filter_;
  std::uint64_t sequence_ = 0;
  mutable absl::Mutex mutex_;
  std::deque<Event> queue_ ABSL_GUARDED_BY(mutex_);
  std::int64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
  // Set by Stop().
  std::optional<Clock::TimePoint> give_up_at_ ABSL_GUARDED_BY(mutex_);
  Worker worker_;
};

}  // namespace rbdcrypt::k8s
