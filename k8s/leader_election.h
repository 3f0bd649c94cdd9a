// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/context.h"
#include "base/status.h"
#include "k8s/lease.h"
#include "k8s/wait.h"

namespace rbdcrypt::k8s {

// Runs the work of a leader while this process is the leader: tries to get a Lease, runs `work`,
// renews the Lease beside it, and gives it back when the work has ended.
//
//   ASSIGN_OR_RETURN(const auto election, LeaderElection::New(client, BootClock(), options,
//                    [&](const Context& context) { scheduler.Run(context); }));
//
// The work's context ends, by itself and for good, renew_deadline after the beginning of the last
// renewal that succeeded, whatever a request under way does; at once when the Lease is found to be
// another's or gone; and with Stop(). The Lease is given back, and this process tries to lead
// again, only when the work has returned; until then, and while it still leads, it is renewed.
//
// So two works never run at the same time, as long as the clocks of their machines run at the same
// rate, also over a suspension (BootClock), and the work obeys its context: it asks it before each
// change, and what it does between two questions takes less than lease_duration - renew_deadline
// (five seconds, by default). What a suspended machine did when it was stopped, it does when it
// wakes up: changes that must not happen then are fenced by something else (safety G2).
class LeaderElection {
 public:
  // Run on a thread of its own, once for each time of leading. May return early: then the lease is
  // given back and, after a while, tried for again. The context's clock is the election's; copies
  // of the context may outlive the work.
  using Work = std::function<void(const Context& context)>;

  // Tries from now on. `client` and `clock` must outlive it. kInvalidArgument: as
  // CheckLeaseOptions.
  static Result<std::unique_ptr<LeaderElection>> New(Client& client,
                                                     Clock& clock,
                                                     const LeaseOptions& options,
                                                     Work work);

  ~LeaderElection() { Stop(); }

  LeaderElection(const LeaderElection&) = delete;
  LeaderElection& operator=(const LeaderElection&) = delete;

  // Ends the work's context, waits for the work, and gives the lease back (5 s at most). Not to be
  // called by the work.
  void Stop() { worker_.Stop(); }

  // Whether the lease is ours at this moment.
  bool IsLeader() const { return candidate_->IsLeader(); }

  std::string holder() const { return candidate_->holder(); }

  // Our own name in the lease.
  const std::string& identity() const { return candidate_->identity(); }

 private:
  // The work under way, and the term that it belongs to.
  struct Running {
    std::shared_ptr<LeaderTerm> term;
    std::shared_ptr<std::atomic<bool>> has_returned;
    std::unique_ptr<Worker> worker;
    // Whether it knows that all is to end.
    bool is_asked = false;
  };

  LeaderElection(Clock& clock,
                 const LeaseOptions& options,
                 Work work,
                 std::unique_ptr<LeaseCandidate> candidate);

  void Run(const Context& context);
  void Try(const Context& context);
  void Begin();
  void Pause(const Context& context) const;
  bool IsOver() const;
  void Settle(const Context& context);
  void GiveBack();

  Clock& clock_;
  const LeaseOptions options_;
  const Work work_;
  const std::unique_ptr<LeaseCandidate> candidate_;
  // Of the election's thread.
  std::optional<Running> running_;
  // The last member: it uses the others.
  Worker worker_;
};

}  // namespace rbdcrypt::k8s
