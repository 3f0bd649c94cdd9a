// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/leader_election.h"

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "k8s/rest_client.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::k8s {
namespace {

using ::testing::ElementsAre;
using testing::FakeClock;
using testing::FakeKubeApi;
using testing::IsOk;
using testing::StatusIs;

const ObjectName kName = {"storage", "rbdcrypt-scheduler"};

// The turns of one election.
class Turns {
 public:
  std::function<void(bool)> Listener() {
    return [this](bool leads) {
      absl::MutexLock lock(&mutex_);
      turns_.push_back(leads);
    };
  }

  bool WaitFor(std::size_t turns) const {
    const auto is_reached = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return turns_.size() >= turns;
    };
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&is_reached), absl::Seconds(10));
  }

  std::vector<bool> all() const {
    absl::MutexLock lock(&mutex_);
    return turns_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<bool> turns_ ABSL_GUARDED_BY(mutex_);
};

class LeaderElectionTest : public ::testing::Test {
 protected:
  std::string Holder() { return ParseLease(api_.Find(kLeases, kName))->holder; }

  FakeKubeApi api_;
  RestClient client_{api_, nullptr, {.max_attempts = 1}};
  FakeClock clock_;
  Turns turns_;
  LeaseOptions options_ = {.lease = kName, .identity = "a"};
};

TEST_F(LeaderElectionTest, AloneItLeadsAndGivesTheLeaseBackAtItsEnd) {
  {
    LeaderElection election(client_, SystemClock(), options_, turns_.Listener());
    ASSERT_TRUE(turns_.WaitFor(1));
    EXPECT_TRUE(election.IsLeader());
    EXPECT_EQ(election.holder(), "a");
    EXPECT_EQ(Holder(), "a");
  }
  EXPECT_THAT(turns_.all(), ElementsAre(true, false));
  EXPECT_EQ(Holder(), "");
}

TEST_F(LeaderElectionTest, WorkEndsWithLeading) {
  LeaderElection election(client_, SystemClock(), options_, turns_.Listener());
  ASSERT_TRUE(turns_.WaitFor(1));
  bool cancelled = false;
  const Context outer({.is_cancelled = [&] { return cancelled; }, .request_id = "r"});
  const Context work = election.WorkContext(outer);
  EXPECT_THAT(work.Check("work"), IsOk());
  EXPECT_EQ(work.request_id(), "r");
  cancelled = true;
  EXPECT_THAT(work.Check("work"), StatusIs(Code::kCancelled));
  cancelled = false;
  election.Stop();
  EXPECT_THAT(work.Check("work"), StatusIs(Code::kCancelled));
}

TEST_F(LeaderElectionTest, AnUnreachableServerIsTriedAgain) {
  api_.Fail({.kind = FakeKubeApi::Fault::Kind::kNeverArrived}, 5);
  LeaderElection election(client_, clock_, options_, turns_.Listener());
  ASSERT_TRUE(turns_.WaitFor(1));
  // Each candidate's wait is two seconds at least.
  EXPECT_GE(clock_.slept(), std::chrono::seconds(10));
}

TEST_F(LeaderElectionTest, LosingTheLeaseIsTold) {
  LeaderElection election(client_, clock_, options_, turns_.Listener());
  ASSERT_TRUE(turns_.WaitFor(1));
  // Somebody else has it for good, as after a long pause of ours.
  api_.Put(kLeases, kName,
           {{"spec",
             {{"holderIdentity", "other"},
              {"leaseDurationSeconds", 1'000'000'000},
              {"renewTime", "2026-01-01T00:00:00.000000Z"}}}});
  ASSERT_TRUE(turns_.WaitFor(2));
  EXPECT_THAT(turns_.all(), ElementsAre(true, false));
  EXPECT_FALSE(election.IsLeader());
}

}  // namespace
}  // namespace rbdcrypt::k8s
