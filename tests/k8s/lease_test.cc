// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "k8s/rest_client.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::k8s {
namespace {

using std::chrono::seconds;
using testing::FakeClock;
using testing::FakeKubeApi;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;
using Kind = FakeKubeApi::Fault::Kind;

const ObjectName kName = {"storage", "rbdcrypt-scheduler"};

LeaseOptions OptionsOf(const std::string& identity) {
  return {.lease = kName, .identity = identity};
}

// Two candidates, each with a clock of its own, for one lease.
class LeaseTest : public ::testing::Test {
 protected:
  Result<bool> Attempt(LeaseCandidate& candidate) { return candidate.Attempt(context_); }

  void Advance(seconds by) {
    clock_a_.Advance(by);
    clock_b_.Advance(by);
  }

  Lease Stored() { return *ParseLease(api_.Find(kLeases, kName)); }

  FakeKubeApi api_;
  RestClient client_{api_, nullptr, {.max_attempts = 1}};
  FakeClock clock_a_;
  FakeClock clock_b_;
  const Context context_ = Context::Background();
  LeaseCandidate a_{client_, clock_a_, OptionsOf("a")};
  LeaseCandidate b_{client_, clock_b_, OptionsOf("b")};
};

TEST_F(LeaseTest, TheFirstMakesTheLease) {
  EXPECT_FALSE(a_.IsLeader());
  EXPECT_THAT(Attempt(a_), IsOkAndHolds(true));
  EXPECT_TRUE(a_.IsLeader());
  EXPECT_EQ(a_.holder(), "a");
  const Lease lease = Stored();
  EXPECT_EQ(lease.holder, "a");
  EXPECT_EQ(lease.duration_seconds, 15);
  EXPECT_EQ(lease.transitions, 0);
  EXPECT_EQ(lease.acquired, clock_a_.Wall());
  EXPECT_EQ(lease.renewed, clock_a_.Wall());
}

TEST_F(LeaseTest, AnotherDoesNotGetItWhileItIsRenewed) {
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  for (int i = 0; i < 30; ++i) {
    Advance(seconds(2));
    EXPECT_THAT(Attempt(a_), IsOkAndHolds(true));
    EXPECT_THAT(Attempt(b_), IsOkAndHolds(false));
  }
  EXPECT_TRUE(a_.IsLeader());
  EXPECT_FALSE(b_.IsLeader());
  EXPECT_EQ(b_.holder(), "a");
  const Lease lease = Stored();
  EXPECT_EQ(lease.transitions, 0);
  EXPECT_EQ(*lease.renewed - *lease.acquired, seconds(60));
}

TEST_F(LeaseTest, ALeaseThatIsNotRenewedIsTakenAfterItsDuration) {
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  ASSERT_THAT(Attempt(b_), IsOkAndHolds(false));
  Advance(seconds(14));
  EXPECT_THAT(Attempt(b_), IsOkAndHolds(false));
  EXPECT_FALSE(a_.IsLeader());
  Advance(seconds(1));
  EXPECT_THAT(Attempt(b_), IsOkAndHolds(true));
  EXPECT_EQ(Stored().holder, "b");
  EXPECT_EQ(Stored().transitions, 1);
  EXPECT_EQ(Stored().acquired, clock_b_.Wall());
  EXPECT_THAT(Attempt(a_), IsOkAndHolds(false));
}

TEST_F(LeaseTest, TwoNeverLeadAtOnce) {
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  for (int second = 0; second < 40; ++second) {
    Advance(seconds(1));
    // The first one's renewals stop to arrive after 8 seconds.
    if (second < 8) {
      EXPECT_THAT(Attempt(a_), IsOk());
    }
    EXPECT_THAT(Attempt(b_), IsOk());
    EXPECT_FALSE(a_.IsLeader() && b_.IsLeader()) << second;
  }
  EXPECT_TRUE(b_.IsLeader());
}

TEST_F(LeaseTest, ClocksNeedNotAgree) {
  // The second one's wall clock is a day ahead: by it the lease is long over.
  clock_b_.Advance(std::chrono::hours(24));
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  EXPECT_THAT(Attempt(b_), IsOkAndHolds(false));
  Advance(seconds(10));
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  Advance(seconds(10));
  EXPECT_THAT(Attempt(b_), IsOkAndHolds(false));
}

TEST_F(LeaseTest, AnUnrelatedEditDoesNotProlongADeadLease) {
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  ASSERT_THAT(Attempt(b_), IsOkAndHolds(false));
  Advance(seconds(14));
  ASSERT_THAT(client_.Patch(context_, kLeases, kName,
                            {{"metadata", {{"annotations", {{"note", "x"}}}}}}, {}),
              IsOk());
  EXPECT_THAT(Attempt(b_), IsOkAndHolds(false));
  Advance(seconds(1));
  EXPECT_THAT(Attempt(b_), IsOkAndHolds(true));
}

TEST_F(LeaseTest, LeadingEndsByItselfWithoutARenewal) {
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  clock_a_.Advance(seconds(9));
  EXPECT_TRUE(a_.IsLeader());
  api_.Fail({.status = 500});
  EXPECT_THAT(Attempt(a_), StatusIs(Code::kUnavailable));
  EXPECT_TRUE(a_.IsLeader());
  clock_a_.Advance(seconds(1));
  EXPECT_FALSE(a_.IsLeader());
  EXPECT_THAT(Attempt(a_), IsOkAndHolds(true));
  EXPECT_TRUE(a_.IsLeader());
  EXPECT_EQ(Stored().transitions, 0);
}

TEST_F(LeaseTest, ARenewalCountsFromBeforeItWasSent) {
  testing::FakeHttpClient slow([&](const auto& seen) -> Result<net::HttpAnswer> {
    clock_a_.Advance(seconds(3));
    net::HttpRequest request;
    request.method = seen.method;
    request.target = seen.target;
    request.body = Secret(seen.body);
    request.content_type = "application/json";
    return api_.Send(context_, request);
  });
  RestClient client(slow);
  LeaseCandidate candidate(client, clock_a_, OptionsOf("a"));
  // A read and a creation: six seconds.
  ASSERT_THAT(candidate.Attempt(context_), IsOkAndHolds(true));
  clock_a_.Advance(seconds(3));
  EXPECT_TRUE(candidate.IsLeader());
  clock_a_.Advance(seconds(1));
  EXPECT_FALSE(candidate.IsLeader());
}

TEST_F(LeaseTest, OfTwoThatTakeItAtOnceOneWins) {
  // Between the read and the write of the first, the second takes it.
  int requests = 0;
  testing::FakeHttpClient raced([&](const auto& seen) -> Result<net::HttpAnswer> {
    if (++requests == 2) {
      EXPECT_THAT(Attempt(b_), IsOkAndHolds(true));
    }
    net::HttpRequest request;
    request.method = seen.method;
    request.target = seen.target;
    request.body = Secret(seen.body);
    return api_.Send(context_, request);
  });
  RestClient client(raced);
  LeaseCandidate a(client, clock_a_, OptionsOf("a"));
  EXPECT_THAT(a.Attempt(context_), IsOkAndHolds(false));
  EXPECT_FALSE(a.IsLeader());
  EXPECT_EQ(Stored().holder, "b");
  ASSERT_THAT(b_.Release(context_), IsOk());
  requests = 0;
  EXPECT_THAT(a.Attempt(context_), IsOkAndHolds(false));
  EXPECT_EQ(Stored().holder, "b");
}

TEST_F(LeaseTest, ALostAnswerIsSettledByTheNextAttempt) {
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  Advance(seconds(8));
  // The read goes through, the answer to the write is lost.
  testing::FakeHttpClient lossy([&](const auto& seen) -> Result<net::HttpAnswer> {
    net::HttpRequest request;
    request.method = seen.method;
    request.target = seen.target;
    request.body = Secret(seen.body);
    Result<net::HttpAnswer> answer = api_.Send(context_, request);
    return seen.method == "PUT" ? Result<net::HttpAnswer>(Unavailable("lost")) : std::move(answer);
  });
  RestClient client(lossy, nullptr, {.max_attempts = 1});
  LeaseCandidate a(client, clock_a_, OptionsOf("a"));
  EXPECT_THAT(a.Attempt(context_), StatusIs(Code::kUnavailable));
  EXPECT_FALSE(a.IsLeader());
  EXPECT_THAT(Attempt(a_), IsOkAndHolds(true));
}

TEST_F(LeaseTest, AReleasedLeaseIsFreeAtOnce) {
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  ASSERT_THAT(Attempt(b_), IsOkAndHolds(false));
  EXPECT_THAT(a_.Release(context_), IsOk());
  EXPECT_FALSE(a_.IsLeader());
  EXPECT_EQ(Stored().holder, "");
  EXPECT_EQ(Stored().duration_seconds, 1);
  EXPECT_THAT(Attempt(b_), IsOkAndHolds(true));
  EXPECT_EQ(Stored().transitions, 1);
}

TEST_F(LeaseTest, ReleaseOfAnothersLeaseChangesNothing) {
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  EXPECT_THAT(b_.Release(context_), IsOk());
  EXPECT_EQ(Stored().holder, "a");
  EXPECT_TRUE(a_.IsLeader());
}

TEST_F(LeaseTest, ReleaseOfNothingIsDone) {
  EXPECT_THAT(a_.Release(context_), IsOk());
}

TEST_F(LeaseTest, ReleaseEndsLeadingEvenWhereItFails) {
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  api_.Fail({.status = 500});
  EXPECT_THAT(a_.Release(context_), StatusIs(Code::kUnavailable));
  EXPECT_FALSE(a_.IsLeader());
}

TEST_F(LeaseTest, FieldsOfOthersInTheLeaseSurvive) {
  api_.Put(kLeases, kName,
           {{"metadata", {{"labels", {{"keep", "me"}}}}}, {"spec", {{"strategy", "Oldest"}}}});
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  const Json lease = api_.Find(kLeases, kName);
  EXPECT_EQ(lease["spec"]["strategy"], "Oldest");
  EXPECT_EQ(lease["metadata"]["labels"]["keep"], "me");
}

TEST_F(LeaseTest, AHolderWithoutADurationIsGivenOurs) {
  api_.Put(kLeases, kName, {{"spec", {{"holderIdentity", "other"}}}});
  EXPECT_THAT(Attempt(a_), IsOkAndHolds(false));
  Advance(seconds(14));
  EXPECT_THAT(Attempt(a_), IsOkAndHolds(false));
  Advance(seconds(1));
  EXPECT_THAT(Attempt(a_), IsOkAndHolds(true));
}

TEST_F(LeaseTest, ALeaseThatIsNoneIsAnError) {
  api_.Put(kLeases, kName, {{"spec", {{"holderIdentity", 7}}}});
  EXPECT_THAT(Attempt(a_), StatusIs(Code::kInvalidArgument, HasSubstr("holderIdentity")));
}

TEST(LeaseOptionsTest, TimesMustFitIntoEachOther) {
  LeaseOptions options = OptionsOf("a");
  EXPECT_THAT(CheckLeaseOptions(options), IsOk());
  options.renew_deadline = seconds(15);
  EXPECT_THAT(CheckLeaseOptions(options), StatusIs(Code::kInvalidArgument));
  options.renew_deadline = seconds(2);
  EXPECT_THAT(CheckLeaseOptions(options), StatusIs(Code::kInvalidArgument, HasSubstr("1.2")));
  options = OptionsOf("a");
  options.retry_period = seconds(0);
  EXPECT_THAT(CheckLeaseOptions(options), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(CheckLeaseOptions(OptionsOf("")), StatusIs(Code::kInvalidArgument));
}

}  // namespace
}  // namespace rbdcrypt::k8s
