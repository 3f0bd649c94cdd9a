// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/leader_election.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "k8s/boot_clock.h"
#include "k8s/rest_client.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::k8s {
namespace {

using std::chrono::seconds;
using testing::FakeClock;
using testing::FakeHttpClient;
using testing::FakeKubeApi;
using testing::StatusIs;

const ObjectName kName = {"storage", "rbdcrypt-scheduler"};

// A leader's work that goes on until its context ends, and, where it is held, until it is let go.
class Work {
 public:
  LeaderElection::Work Function() {
    return [this](const Context& context) {
      Count(begun_);
      while (context.Check("work").ok()) {
        std::this_thread::yield();
      }
      Count(asked_);
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(
          +[](bool* is_held) { return !*is_held; }, &is_held_));
      ++ended_;
    };
  }

  void Hold(bool is_held) {
    absl::MutexLock lock(&mutex_);
    is_held_ = is_held;
  }

  // How often it began, was seen to be asked to end, and returned: wait for ten seconds at most.
  bool WaitForBegun(int times) const { return WaitFor(begun_, times); }

  bool WaitForAsked(int times) const { return WaitFor(asked_, times); }

  int ended() const {
    absl::MutexLock lock(&mutex_);
    return ended_;
  }

 private:
  void Count(int& counter) {
    absl::MutexLock lock(&mutex_);
    ++counter;
  }

  bool WaitFor(const int& counter, int times) const {
    const auto is_reached = [&]() { return counter >= times; };
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&is_reached), absl::Seconds(10));
  }

  mutable absl::Mutex mutex_;
  int begun_ = 0;
  int asked_ = 0;
  int ended_ = 0;
  bool is_held_ = false;
};

class LeaderElectionTest : public ::testing::Test {
 protected:
  // A lease that was given back.
  LeaderElectionTest() { PutSpec({{"leaseDurationSeconds", 1}}); }

  void PutSpec(const Json& spec) { api_.Put(kLeases, kName, {{"spec", spec}}); }

  Lease Stored() const { return *ParseLease(api_.Find(kLeases, kName)); }

  std::unique_ptr<LeaderElection> Elect(Client& client, Clock& clock) {
    return *LeaderElection::New(client, clock, options_, work_.Function());
  }

  // What reaches the API server, unchanged.
  Result<net::HttpAnswer> PassOn(const FakeHttpClient::Seen& seen) {
    net::HttpRequest request;
    request.method = seen.method;
    request.target = seen.target;
    request.body = Secret(seen.body);
    request.content_type = "application/json";
    return api_.Send(Context::Background(), request);
  }

  FakeKubeApi api_;
  RestClient client_{api_, nullptr, {.max_attempts = 1}};
  FakeClock clock_;
  Work work_;
  LeaseOptions options_ = {.lease = kName, .identity = "a"};
};

TEST_F(LeaderElectionTest, AloneItWorksAndGivesTheLeaseBackAtItsEnd) {
  {
    const auto election = Elect(client_, BootClock());
    ASSERT_TRUE(work_.WaitForBegun(1));
    EXPECT_TRUE(election->IsLeader());
    EXPECT_EQ(election->holder(), election->identity());
    EXPECT_EQ(Stored().holder, election->identity());
  }
  EXPECT_EQ(work_.ended(), 1);
  EXPECT_EQ(Stored().holder, "");
}

TEST_F(LeaderElectionTest, TheLeaseIsKeptAndRenewedUntilTheWorkHasEnded) {
  work_.Hold(true);
  const auto election = Elect(client_, clock_);
  ASSERT_TRUE(work_.WaitForBegun(1));
  std::thread stop([&] { election->Stop(); });
  ASSERT_TRUE(work_.WaitForAsked(1));
  const auto asked_at = Stored().renewed;
  // Far beyond what the last renewal before the end was good for.
  while (*Stored().renewed < *asked_at + 10 * options_.lease_duration) {
    EXPECT_EQ(Stored().holder, election->identity());
    std::this_thread::yield();
  }
  EXPECT_TRUE(election->IsLeader());
  EXPECT_EQ(work_.ended(), 0);
  work_.Hold(false);
  stop.join();
  EXPECT_EQ(work_.ended(), 1);
  EXPECT_EQ(Stored().holder, "");
}

TEST_F(LeaderElectionTest, TheWorkEndsInTimeThoughARenewalHangs) {
  int writes = 0;
  Clock::TimePoint asked;
  FakeHttpClient http([&](const auto& seen) -> Result<net::HttpAnswer> {
    if (seen.method == "GET") {
      asked = clock_.Now();
    }
    if (seen.method == "PUT" && ++writes == 2) {
      // The work begins beside the first renewal.
      EXPECT_TRUE(work_.WaitForBegun(1));
      clock_.SleepUntil(asked - options_.retry_period + options_.renew_deadline);
      EXPECT_TRUE(work_.WaitForAsked(1));
      return Unavailable("no answer");
    }
    return PassOn(seen);
  });
  RestClient client(http, nullptr, {.max_attempts = 1});
  const auto election = Elect(client, clock_);
  ASSERT_TRUE(work_.WaitForAsked(1));
}

TEST_F(LeaderElectionTest, AnothersNameEndsTheWorkWithTheRequestThatReadsIt) {
  int reads = 0;
  Clock::TimePoint lost;
  FakeHttpClient http([&](const auto& seen) {
    if (seen.method == "GET" && ++reads == 2) {
      EXPECT_TRUE(work_.WaitForBegun(1));
      lost = clock_.Now();
      PutSpec({{"holderIdentity", "other"},
               {"leaseDurationSeconds", 2'000'000'000},
               {"renewTime", "2026-01-01T00:00:00.000000Z"}});
      // Nothing may be done before the old work has ended, so no time passes.
    }
    EXPECT_TRUE(reads <= 2 || work_.ended() >= 1);
    EXPECT_TRUE(reads != 3 || clock_.Now() == lost);
    return PassOn(seen);
  });
  RestClient client(http, nullptr, {.max_attempts = 1});
  const auto election = Elect(client, clock_);
  ASSERT_TRUE(work_.WaitForAsked(1));
  EXPECT_FALSE(election->IsLeader());
  election->Stop();
  EXPECT_EQ(Stored().holder, "other");
}

TEST_F(LeaderElectionTest, ADeletedLeaseEndsTheWorkWithTheRequestThatMissesIt) {
  int reads = 0;
  FakeHttpClient http([&](const auto& seen) {
    if (seen.method == "GET" && ++reads == 2) {
      EXPECT_TRUE(work_.WaitForBegun(1));
      EXPECT_TRUE(api_.Remove(kLeases, kName));
    }
    EXPECT_TRUE(reads <= 2 || work_.ended() >= 1);
    return PassOn(seen);
  });
  RestClient client(http, nullptr, {.max_attempts = 1});
  const auto election = Elect(client, clock_);
  ASSERT_TRUE(work_.WaitForAsked(1));
  // It leads again once the new one has run out.
  ASSERT_TRUE(work_.WaitForBegun(2));
}

TEST_F(LeaderElectionTest, WorkThatReturnsEarlyGivesBackAndIsRunAgain) {
  std::atomic<int> times = 0;
  std::vector<std::string> holders;
  FakeHttpClient http([&](const auto& seen) {
    Result<net::HttpAnswer> answer = PassOn(seen);
    if (seen.method == "PUT") {
      holders.push_back(Stored().holder);
    }
    return answer;
  });
  RestClient client(http, nullptr, {.max_attempts = 1});
  const auto election =
      *LeaderElection::New(client, clock_, options_, [&](const Context&) { ++times; });
  while (times < 3) {
    std::this_thread::yield();
  }
  election->Stop();
  const std::string& self = election->identity();
  ASSERT_GE(holders.size(), 4U);
  // Renewals may stand between the two.
  holders.erase(std::unique(holders.begin(), holders.end()), holders.end());
  for (std::size_t i = 0; i < holders.size(); ++i) {
    EXPECT_EQ(holders[i], i % 2 == 0 ? self : "") << i;
  }
  // As long a wait as a candidate's, each time.
  EXPECT_GE(clock_.slept(), 2 * options_.retry_period);
}

TEST_F(LeaderElectionTest, ALeaseThatWasWonWithoutAnAnswerIsGivenBack) {
  absl::Notification won;
  FakeHttpClient http([&](const auto& seen) -> Result<net::HttpAnswer> {
    Result<net::HttpAnswer> answer = PassOn(seen);
    if (seen.method == "PUT" && !won.HasBeenNotified()) {
      won.Notify();
      return Unavailable("the answer is lost");
    }
    return answer;
  });
  RestClient client(http, nullptr, {.max_attempts = 1});
  // Its wait before the next attempt is real, so that the end comes first.
  const auto election = Elect(client, BootClock());
  ASSERT_TRUE(won.WaitForNotificationWithTimeout(absl::Seconds(10)));
  election->Stop();
  EXPECT_EQ(Stored().holder, "");
}

TEST_F(LeaderElectionTest, AnUnreachableServerIsTriedAgain) {
  api_.Fail({.kind = FakeKubeApi::Fault::Kind::kNeverArrived}, 5);
  const auto election = Elect(client_, clock_);
  ASSERT_TRUE(work_.WaitForBegun(1));
  // Each candidate's wait is two seconds at least.
  EXPECT_GE(clock_.slept(), seconds(10));
}

TEST_F(LeaderElectionTest, WrongOptionsAreAnError) {
  options_.identity = "";
  EXPECT_THAT(LeaderElection::New(client_, clock_, options_, work_.Function()),
              StatusIs(Code::kInvalidArgument));
}

TEST_F(LeaderElectionTest, TheWorksContextMayBeAskedAfterItsEnd) {
  std::optional<Context> kept;
  {
    absl::Notification begun;
    const auto election =
        *LeaderElection::New(client_, clock_, options_, [&](const Context& context) {
          if (!begun.HasBeenNotified()) {
            kept = context;
            begun.Notify();
          }
        });
    ASSERT_TRUE(begun.WaitForNotificationWithTimeout(absl::Seconds(10)));
  }
  EXPECT_THAT(kept->Check("go on"), StatusIs(Code::kCancelled));
}

}  // namespace
}  // namespace rbdcrypt::k8s
