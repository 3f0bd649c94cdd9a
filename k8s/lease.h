// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/json.h"
#include "base/status.h"
#include "k8s/client.h"
#include "k8s/leader_term.h"
#include "k8s/objects.h"

namespace rbdcrypt::k8s {

// The times are client-go's (tools/leaderelection, and what components set).
struct LeaseOptions {
  ObjectName lease = {};
  // Who we are, for people: the pod. Random characters are put behind it, so that no two candidates
  // take each other for themselves, and no second life of a pod the first one.
  std::string identity = {};
  // For so long others leave a lease alone that they have not seen renewed.
  std::chrono::seconds lease_duration{15};
  // After so long without a renewal we lead no more.
  std::chrono::seconds renew_deadline{10};
  // Between two attempts.
  std::chrono::seconds retry_period{2};
};

// kInvalidArgument: no name, namespace or identity; a duration beyond a day; or not lease_duration
// > renew_deadline > 1.2 * retry_period, without which two could lead or one renewal too late would
// end it.
Status CheckLeaseOptions(const LeaseOptions& options);

// One candidate for a Lease (coordination.k8s.io/v1), as client-go elects leaders, so that the two
// can share one. Clocks need not agree: a record is valid for its duration from when this process
// first saw it as it is, by the steady clock; its times are for people.
//
// At most one leads, as long as no clock runs faster than another by lease_duration /
// renew_deadline: a leader counts from before it sent its renewal, a candidate from after it saw
// it. That holds also where somebody deletes the Lease or takes the holder out of it: such a record
// must run out like any other, unlike one that its holder gave back (without a holder, and valid
// for a second). So the very first leader of a new Lease waits for lease_duration, too.
//
// It does not fence: whoever was paused must ask its term again before each change.
//
// Attempt() and Release() by one thread at a time; the rest by any.
class LeaseCandidate {
 public:
  // `client` and `clock` must outlive it. `clock` is to count while the machine is suspended
  // (k8s/boot_clock). kInvalidArgument: as CheckLeaseOptions.
  static Result<std::unique_ptr<LeaseCandidate>> New(Client& client,
                                                     Clock& clock,
                                                     LeaseOptions options);

  // Takes, or renews, the lease if it is free, expired or ours. True: it is ours now. False:
  // another holds it, or was faster, or it is not free yet; if we led, we do so no more from the
  // moment that this was read. Errors are the client's; what we held, we still hold until
  // renew_deadline has passed.
  Result<bool> Attempt(const Context& context);

  // Gives it back, so that another need not wait for its end: to be called when all that was done
  // as its leader has ended. Leads no more from its first moment on, whatever it returns. OK where
  // it was not ours.
  Status Release(const Context& context);

  // Whether we hold it at this moment.
  bool IsLeader() const;

  // The present time of leading, or the last one; null before the first. Another one: there was a
  // moment in between at which we did not lead.
  std::shared_ptr<LeaderTerm> term() const;

  // Whether the Lease may say our name: also after a write without an answer, and after a term that
  // ended because no renewal came through.
  bool MayHold() const;

  // Who held it when it was last seen; "" of nobody.
  std::string holder() const;

  // Our own name in it.
  const std::string& identity() const { return identity_; }

 private:
  enum class Outcome { kOurs, kAnothers, kChanged };

  // What was seen, and since when it is like that.
  struct Observed {
    std::string holder;
    // A Lease that was deleted and made anew says nothing about the one before.
    std::string uid;
    Json spec;
    std::chrono::seconds duration{0};
    Clock::TimePoint since;
  };

  LeaseCandidate(Client& client, Clock& clock, LeaseOptions options, std::string identity);

  Result<Outcome> AttemptOnce(const Context& context);
  Status CreateFree(const Context& context);
  Result<Outcome> TakeOver(const Context& context,
                           Json object,
                           const Lease& previous,
                           Clock::TimePoint started);
  Result<Outcome> ReleaseOnce(const Context& context);
  void Observe(const Lease& lease, const Json& object);
  bool IsFree(const Lease& lease) const;
  void Lead(Clock::TimePoint started);
  void EndTerm();
  void SetMayHold(bool may_hold);
  // Of a record of ours that replaces `previous`.
  Json Spec(const Lease& previous) const;

  Client& client_;
  Clock& clock_;
  const LeaseOptions options_;
  const std::string identity_;
  mutable absl::Mutex mutex_;
  std::optional<Observed> observed_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<LeaderTerm> term_ ABSL_GUARDED_BY(mutex_);
  bool may_hold_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace rbdcrypt::k8s
