// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/context.h"
#include "k8s/lease.h"
#include "k8s/wait.h"

namespace rbdcrypt::k8s {

// A LeaseCandidate on a thread of its own: tries and renews until Stop(), then gives the lease
// back.
//
//   LeaderElection election(client, clock, options, [](bool leads) { … });
//   const Context work = election.WorkContext(context);  // ends when we lead no more
class LeaderElection {
 public:
  // `on_change` is told true when we begin to lead and false when we end, in turns, on the
  // election's thread: it must not block, since no renewal is sent meanwhile. The end is told when
  // it is noticed, up to half of renew_deadline late; IsLeader() knows at once.
  LeaderElection(Client& client,
                 Clock& clock,
                 const LeaseOptions& options,
                 std::function<void(bool leads)> on_change);

  ~LeaderElection() { Stop(); }

  // Within about a second unless the API server is slow to take the lease back (5 s at most).
  void Stop();

  bool IsLeader() const { return candidate_.IsLeader(); }

  std::string holder() const { return candidate_.holder(); }

  // The same context, cancelled as soon as we do not lead; must not outlive the election.
  Context WorkContext(const Context& context) const;

 private:
  void Run(const Context& context);
  void Report(bool leads);

  Clock& clock_;
  const LeaseOptions options_;
  const std::function<void(bool)> on_change_;
  LeaseCandidate candidate_;
  // Of the worker's thread.
  bool reported_ = false;
  Worker worker_;
};

}  // namespace rbdcrypt::k8s
