// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/json.h"
#include "base/status.h"
#include "k8s/client.h"
#include "k8s/objects.h"

namespace rbdcrypt::k8s {

// The times are client-go's (tools/leaderelection, and what components set).
struct LeaseOptions {
  ObjectName lease = {};
  // Who we are; must differ between processes, also between two lives of one pod: two holders of
  // one name would both lead.
  std::string identity = {};
  // For so long others leave a lease alone that they have not seen renewed.
  std::chrono::seconds lease_duration{15};
  // After so long without a renewal we lead no more.
  std::chrono::seconds renew_deadline{10};
  // Between two attempts.
  std::chrono::seconds retry_period{2};
};

// kInvalidArgument: no name, namespace or identity, or not lease_duration > renew_deadline >
// 1.2 * retry_period, without which two could lead or one renewal too late would end it.
Status CheckLeaseOptions(const LeaseOptions& options);

// One candidate for a Lease (coordination.k8s.io/v1), as client-go elects leaders, so that the two
// can share one. Clocks need not agree: a record is valid for its duration from when this process
// first saw it, by the steady clock; its times are for people.
//
// At most one leads, as long as no clock runs faster than another by lease_duration /
// renew_deadline: a leader counts from before it sent its renewal, a candidate from after it saw
// it. It does not fence: whoever was paused must ask IsLeader() again before each change.
//
// Attempt() and Release() by one thread at a time; IsLeader() and holder() by any.
class LeaseCandidate {
 public:
  // `client` and `clock` must outlive it; options as CheckLeaseOptions wants them.
  LeaseCandidate(Client& client, Clock& clock, LeaseOptions options);

  // Takes, or renews, the lease if it is free, expired or ours. True: it is ours now. False:
  // another holds it, or was faster. Errors are the client's; what we held, we still hold until
  // renew_deadline has passed.
  Result<bool> Attempt(const Context& context);

  // Gives it back, so that another need not wait for its end; leads no more from its first moment
  // on, whatever it returns. OK where it was not ours.
  Status Release(const Context& context);

  // Whether we hold it at this moment.
  bool IsLeader() const;

  // Who held it when it was last seen; "" of nobody.
  std::string holder() const;

 private:
  // The record's fields that change with each renewal, and when we saw them first.
  struct Observed {
    std::string holder;
    std::chrono::seconds duration{0};
    std::optional<WallTime> renewed;
    std::int64_t transitions = 0;
    Clock::TimePoint since;
  };

  Result<bool> TakeNew(const Context& context, Clock::TimePoint started);
  Result<bool> TakeOver(const Context& context, Json object, Clock::TimePoint started);
  void Observe(const Lease& lease);
  bool IsHeldByAnother() const;
  void Lead(Clock::TimePoint started, const Lease& written);
  // Of a written record; `previous` is the one it replaces, if any.
  Json Spec(const Lease* previous) const;

  Client& client_;
  Clock& clock_;
  const LeaseOptions options_;
  mutable absl::Mutex mutex_;
  std::optional<Observed> observed_ ABSL_GUARDED_BY(mutex_);
  Clock::TimePoint leading_until_ ABSL_GUARDED_BY(mutex_) = Clock::TimePoint::min();
};

}  // namespace rbdcrypt::k8s
