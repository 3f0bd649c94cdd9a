// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/leader_election.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/wait.h"

namespace rbdcrypt::k8s {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// For giving the lease back.
constexpr std::chrono::seconds kReleaseTimeout(5);

// How late it is noticed that the work has returned, or a term is over.
constexpr milliseconds kSlice(100);

// A candidate waits up to 2.2 periods, so that candidates do not come in step (client-go,
// JitterFactor).
nanoseconds CandidatesWait(milliseconds period) {
  return RandomBetween(period, period * 22 / 10);
}

}  // namespace

Result<std::unique_ptr<LeaderElection>> LeaderElection::New(Client& client,
                                                            Clock& clock,
                                                            const LeaseOptions& options,
                                                            Work work) {
  ASSIGN_OR_RETURN(auto candidate, LeaseCandidate::New(client, clock, options));
  return std::unique_ptr<LeaderElection>(
      new LeaderElection(clock, options, std::move(work), std::move(candidate)));
}

LeaderElection::LeaderElection(Clock& clock,
                               const LeaseOptions& options,
                               Work work,
                               std::unique_ptr<LeaseCandidate> candidate)
    : clock_(clock),
      options_(options),
      work_(std::move(work)),
      candidate_(std::move(candidate)),
      worker_(clock, [this](const Context& context) { Run(context); }) {}

void LeaderElection::Run(const Context& context) {
  while (running_.has_value() || context.Check("try to lead").ok()) {
    Try(context);
    Pause(context);
    Settle(context);
  }
  GiveBack();
}

void LeaderElection::Try(const Context& context) {
  // Two attempts fit before a renewal is too late (client-go's clients do the same).
  nanoseconds limit = options_.renew_deadline / 2;
  if (running_.has_value()) {
    limit = std::min(limit, running_->term->TimeLeft());
  }
  // Who was asked to stop goes on to renew while the work comes to its end.
  const Context attempt = running_.has_value() ? Context({.clock = &clock_}) : context;
  const Result<bool> leads = candidate_->Attempt(attempt.WithTimeout(limit));
  if (!leads.ok() && context.Check("try to lead").ok()) {
    LogWarn("leader election fails",
            {{"lease", options_.lease.name}, {"error", Message(leads.status())}});
  }
  if (!running_.has_value() && candidate_->IsLeader() && context.Check("begin to lead").ok()) {
    Begin();
  }
}

void LeaderElection::Begin() {
  LogInfo("leads", {{"lease", options_.lease.name}, {"identity", candidate_->identity()}});
  const std::shared_ptr<LeaderTerm> term = candidate_->term();
  const auto has_returned = std::make_shared<std::atomic<bool>>(false);
  running_.emplace(
      Running{.term = term, .has_returned = has_returned, .worker = nullptr, .is_asked = false});
  running_->worker =
      std::make_unique<Worker>(clock_, [this, term, has_returned](const Context& asked) {
        work_(Context({.clock = &clock_, .is_cancelled = [term, asked] {
                         return term->over() || !asked.Check("lead").ok();
                       }}));
        has_returned->store(true);
      });
}

// Until the next attempt, or until there is something to settle.
void LeaderElection::Pause(const Context& context) const {
  const bool is_asked = running_.has_value() && running_->is_asked;
  const Clock::TimePoint end =
      clock_.Now() + (running_.has_value() ? nanoseconds(options_.retry_period)
                                           : CandidatesWait(options_.retry_period));
  while (clock_.Now() < end && !IsOver() && (is_asked || context.Check("wait").ok())) {
    clock_.SleepUntil(std::min(end, clock_.Now() + kSlice));
  }
}

bool LeaderElection::IsOver() const {
  return running_.has_value() && (running_->has_returned->load() || running_->term->over());
}

void LeaderElection::Settle(const Context& context) {
  if (!running_.has_value()) {
    return;
  }
  if (!context.Check("go on to lead").ok()) {
    running_->worker->AskToStop();
    running_->is_asked = true;
  }
  if (!IsOver()) {
    return;
  }
  const bool is_early = !running_->term->over();
  // As long as the work takes: nothing may be done in its stead before.
  running_->worker->Stop();
  running_.reset();
  LogInfo("leads no more", {{"lease", options_.lease.name}});
  if (is_early) {
    GiveBack();
    (void)WaitFor(context, CandidatesWait(options_.retry_period));
  }
}

void LeaderElection::GiveBack() {
  if (!candidate_->MayHold()) {
    return;
  }
  const Status released =
      candidate_->Release(Context({.clock = &clock_}).WithTimeout(kReleaseTimeout));
  if (!released.ok()) {
    LogWarn("the lease could not be given back",
            {{"lease", options_.lease.name}, {"error", Message(released)}});
  }
}

}  // namespace rbdcrypt::k8s
