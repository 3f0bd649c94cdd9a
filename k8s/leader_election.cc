// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/leader_election.h"

#include <utility>

#include "base/log.h"

namespace rbdcrypt::k8s {
namespace {

// For giving the lease back.
constexpr std::chrono::seconds kReleaseTimeout(5);

}  // namespace

LeaderElection::LeaderElection(Client& client,
                               Clock& clock,
                               const LeaseOptions& options,
                               std::function<void(bool leads)> on_change)
    : clock_(clock),
      options_(options),
      on_change_(std::move(on_change)),
      candidate_(client, clock, options),
      worker_(clock, [this](const Context& context) { Run(context); }) {}

void LeaderElection::Run(const Context& context) {
  while (context.Check("try to lead").ok()) {
    // Two attempts fit before a renewal is too late (client-go's clients do the same).
    const Result<bool> leads = candidate_.Attempt(context.WithTimeout(options_.renew_deadline / 2));
    if (!leads.ok() && context.Check("try to lead").ok()) {
      LogWarn("leader election fails",
              {{"lease", options_.lease.name}, {"error", Message(leads.status())}});
    }
    Report(candidate_.IsLeader());
    // A candidate waits up to 2.2 periods, so that candidates do not come in step (client-go,
    // JitterFactor); a leader does not wait longer than its period.
    const std::chrono::milliseconds period = options_.retry_period;
    const auto longest = candidate_.IsLeader() ? period : period * 22 / 10;
    if (!WaitFor(context, RandomBetween(period, longest))) {
      break;
    }
  }
  Report(false);
  // Also where a renewal came too late: others would wait for its end.
  if (candidate_.holder() == options_.identity) {
    const Context goodbye = Context({.clock = &clock_}).WithTimeout(kReleaseTimeout);
    const Status released = candidate_.Release(goodbye);
    if (!released.ok()) {
      LogWarn("the lease could not be given back",
              {{"lease", options_.lease.name}, {"error", Message(released)}});
    }
  }
}

void LeaderElection::Report(bool leads) {
  if (leads != reported_) {
    reported_ = leads;
    on_change_(leads);
  }
}

void LeaderElection::Stop() {
  worker_.Stop();
}

Context LeaderElection::WorkContext(const Context& context) const {
  return Context({.clock = &context.clock(),
                  .deadline = context.TimeLeft() == std::chrono::nanoseconds::max()
                                  ? Clock::TimePoint::max()
                                  : context.clock().Now() + context.TimeLeft(),
                  .is_cancelled =
                      [this, context] {
                        return !IsLeader() || context.Check("lead").code() == Code::kCancelled;
                      },
                  .request_id = context.request_id()});
}

}  // namespace rbdcrypt::k8s
