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

std::unique_ptr<LeaseCandidate> NewCandidate(Client& client,
                                             Clock& clock,
                                             const std::string& identity) {
  return *LeaseCandidate::New(client, clock, OptionsOf(identity));
}

// Two candidates, each with a clock of its own, for one lease, which nobody holds at first.
class LeaseTest : public ::testing::Test {
 protected:
  LeaseTest() { PutSpec({{"leaseDurationSeconds", 1}}); }

  void PutSpec(const Json& spec) { api_.Put(kLeases, kName, {{"spec", spec}}); }

  // What reaches the API server through `http`, unchanged.
  Result<net::HttpAnswer> PassOn(const testing::FakeHttpClient::Seen& seen) {
    net::HttpRequest request;
    request.method = seen.method;
    request.target = seen.target;
    request.body = Secret(seen.body);
    request.content_type = "application/json";
    return api_.Send(context_, request);
  }

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
  const std::unique_ptr<LeaseCandidate> owned_a_ = NewCandidate(client_, clock_a_, "a");
  const std::unique_ptr<LeaseCandidate> owned_b_ = NewCandidate(client_, clock_b_, "b");
  LeaseCandidate& a_ = *owned_a_;
  LeaseCandidate& b_ = *owned_b_;
};

TEST_F(LeaseTest, TheFirstTakesAFreeLease) {
  EXPECT_FALSE(a_.IsLeader());
  EXPECT_THAT(Attempt(a_), IsOkAndHolds(true));
  EXPECT_TRUE(a_.IsLeader());
  EXPECT_EQ(a_.holder(), a_.identity());
  const Lease lease = Stored();
  EXPECT_EQ(lease.holder, a_.identity());
  EXPECT_EQ(lease.duration_seconds, 15);
  EXPECT_EQ(lease.transitions, 1);
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
  EXPECT_EQ(b_.holder(), a_.identity());
  const Lease lease = Stored();
  EXPECT_EQ(lease.transitions, 1);
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
  EXPECT_EQ(Stored().holder, b_.identity());
  EXPECT_EQ(Stored().transitions, 2);
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
  EXPECT_EQ(Stored().transitions, 1);
}

TEST_F(LeaseTest, ARenewalCountsFromBeforeItWasSent) {
  testing::FakeHttpClient slow([&](const auto& seen) -> Result<net::HttpAnswer> {
    clock_a_.Advance(seconds(3));
    return PassOn(seen);
  });
  RestClient client(slow);
  const auto candidate = NewCandidate(client, clock_a_, "a");
  // A read and a write: six seconds.
  ASSERT_THAT(candidate->Attempt(context_), IsOkAndHolds(true));
  clock_a_.Advance(seconds(3));
  EXPECT_TRUE(candidate->IsLeader());
  clock_a_.Advance(seconds(1));
  EXPECT_FALSE(candidate->IsLeader());
}

TEST_F(LeaseTest, OfTwoThatTakeItAtOnceOneWins) {
  // Between the read and the write of the first, the second takes it.
  int requests = 0;
  testing::FakeHttpClient raced([&](const auto& seen) {
    if (++requests == 2) {
      EXPECT_THAT(Attempt(b_), IsOkAndHolds(true));
    }
    return PassOn(seen);
  });
  RestClient client(raced);
  const auto a = NewCandidate(client, clock_a_, "a");
  EXPECT_THAT(a->Attempt(context_), IsOkAndHolds(false));
  EXPECT_FALSE(a->IsLeader());
  EXPECT_EQ(Stored().holder, b_.identity());
}

TEST_F(LeaseTest, AWriteWhoseAnswerIsLostIsSettledByTheNextAttempt) {
  testing::FakeHttpClient lossy([&](const auto& seen) -> Result<net::HttpAnswer> {
    Result<net::HttpAnswer> answer = PassOn(seen);
    return seen.method == "PUT" ? Result<net::HttpAnswer>(Unavailable("lost")) : std::move(answer);
  });
  RestClient client(lossy, nullptr, {.max_attempts = 1});
  const auto a = NewCandidate(client, clock_a_, "a");
  EXPECT_FALSE(a->MayHold());
  EXPECT_THAT(a->Attempt(context_), StatusIs(Code::kUnavailable));
  EXPECT_FALSE(a->IsLeader());
  EXPECT_EQ(Stored().holder, a->identity());
  // So that it can be given back.
  EXPECT_TRUE(a->MayHold());
  EXPECT_NE(a->holder(), a->identity());
}

TEST_F(LeaseTest, AWriteThatTheClientRepeatedAfterALostAnswerIsRecognised) {
  int writes = 0;
  testing::FakeHttpClient lossy([&](const auto& seen) -> Result<net::HttpAnswer> {
    Result<net::HttpAnswer> answer = PassOn(seen);
    const bool is_lost = seen.method == "PUT" && ++writes == 1;
    return is_lost ? Result<net::HttpAnswer>(Unavailable("lost")) : std::move(answer);
  });
  RestClient client(lossy, nullptr, {.max_attempts = 2, .base = std::chrono::nanoseconds(1)});
  const auto a = NewCandidate(client, clock_a_, "a");
  // The repetition conflicts with what the first one did.
  EXPECT_THAT(a->Attempt(context_), IsOkAndHolds(true));
  EXPECT_TRUE(a->IsLeader());
}

TEST_F(LeaseTest, AnothersNameEndsLeadingWhenItIsRead) {
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  const auto term = a_.term();
  PutSpec({{"holderIdentity", "other"}, {"leaseDurationSeconds", 15}});
  EXPECT_THAT(Attempt(a_), IsOkAndHolds(false));
  EXPECT_FALSE(a_.IsLeader());
  EXPECT_TRUE(term->over());
}

TEST_F(LeaseTest, ADeletedLeaseEndsLeadingWhenThatIsRead) {
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  const auto term = a_.term();
  ASSERT_TRUE(api_.Remove(kLeases, kName));
  EXPECT_THAT(Attempt(a_), IsOkAndHolds(false));
  EXPECT_TRUE(term->over());
}

TEST_F(LeaseTest, AWriteThatConflictsEndsLeadingIfAnotherWrote) {
  int requests = 0;
  testing::FakeHttpClient raced([&](const auto& seen) {
    if (++requests == 2) {
      PutSpec({{"holderIdentity", "other"}, {"leaseDurationSeconds", 15}});
    }
    return PassOn(seen);
  });
  RestClient client(raced);
  const auto a = NewCandidate(client, clock_a_, "a");
  requests = 2;
  ASSERT_THAT(a->Attempt(context_), IsOkAndHolds(true));
  requests = 0;
  EXPECT_THAT(a->Attempt(context_), IsOkAndHolds(false));
  EXPECT_FALSE(a->IsLeader());
}

TEST_F(LeaseTest, ALeaseThatIsMadeAnewMustRunOutFirst) {
  // Whoever led by the one that was deleted learns of it only with the next renewal.
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  ASSERT_TRUE(api_.Remove(kLeases, kName));
  for (int second = 0; second < 15; ++second) {
    EXPECT_THAT(Attempt(b_), IsOkAndHolds(false)) << second;
    EXPECT_FALSE(a_.IsLeader() && b_.IsLeader());
    Advance(seconds(1));
  }
  EXPECT_FALSE(a_.IsLeader());
  EXPECT_THAT(Attempt(b_), IsOkAndHolds(true));
}

TEST_F(LeaseTest, ALeaseOfTheSameContentThatIsMadeAnewRunsOutAnew) {
  const Json free = {{"leaseDurationSeconds", 15}};
  PutSpec(free);
  ASSERT_THAT(Attempt(b_), IsOkAndHolds(false));
  Advance(seconds(14));
  ASSERT_TRUE(api_.Remove(kLeases, kName));
  PutSpec(free);
  Advance(seconds(1));
  EXPECT_THAT(Attempt(b_), IsOkAndHolds(false));
}

TEST_F(LeaseTest, ALeaseWhoseHolderWasTakenOutByHandMustRunOutFirst) {
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  const Json patch = {{"spec", {{"holderIdentity", nullptr}}}};
  ASSERT_THAT(client_.Patch(context_, kLeases, kName, patch, {}), IsOk());
  EXPECT_THAT(Attempt(b_), IsOkAndHolds(false));
  Advance(seconds(14));
  EXPECT_THAT(Attempt(b_), IsOkAndHolds(false));
  EXPECT_FALSE(a_.IsLeader());
  Advance(seconds(1));
  EXPECT_THAT(Attempt(b_), IsOkAndHolds(true));
}

TEST_F(LeaseTest, TwoOfOneNameAreNotOne) {
  const auto other_a = NewCandidate(client_, clock_b_, "a");
  EXPECT_NE(other_a->identity(), a_.identity());
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  EXPECT_THAT(Attempt(*other_a), IsOkAndHolds(false));
}

TEST_F(LeaseTest, ATermThatIsOverIsFollowedByAnother) {
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  const auto first = a_.term();
  Advance(seconds(5));
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  EXPECT_EQ(a_.term(), first);
  EXPECT_EQ(first->TimeLeft(), seconds(10));
  Advance(seconds(10));
  EXPECT_TRUE(first->over());
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  EXPECT_NE(a_.term(), first);
  EXPECT_TRUE(first->over());
  EXPECT_TRUE(a_.IsLeader());
}

TEST_F(LeaseTest, ARecordWithoutReadableTimesRunsOut) {
  PutSpec({{"holderIdentity", "other"}, {"leaseDurationSeconds", 15}, {"renewTime", "tomorrow"}});
  EXPECT_THAT(Attempt(a_), IsOkAndHolds(false));
  Advance(seconds(15));
  EXPECT_THAT(Attempt(a_), IsOkAndHolds(true));
}

TEST_F(LeaseTest, NumbersAtTheirEndDoNotKeepItFromBeingTaken) {
  PutSpec({{"leaseDurationSeconds", 1}, {"leaseTransitions", 2147483647}});
  EXPECT_THAT(Attempt(a_), IsOkAndHolds(true));
  EXPECT_EQ(Stored().transitions, 2147483647);
}

TEST_F(LeaseTest, AReleasedLeaseIsFreeAtOnce) {
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  ASSERT_THAT(Attempt(b_), IsOkAndHolds(false));
  EXPECT_THAT(a_.Release(context_), IsOk());
  EXPECT_FALSE(a_.IsLeader());
  EXPECT_EQ(Stored().holder, "");
  EXPECT_EQ(Stored().duration_seconds, 1);
  EXPECT_THAT(Attempt(b_), IsOkAndHolds(true));
  EXPECT_EQ(Stored().transitions, 2);
}

TEST_F(LeaseTest, ReleaseGoesOnWhereTheLeaseChangedMeanwhile) {
  int requests = 0;
  testing::FakeHttpClient raced([&](const auto& seen) {
    if (++requests == 4) {
      const Json patch = {{"metadata", {{"annotations", {{"note", "x"}}}}}};
      EXPECT_THAT(client_.Patch(context_, kLeases, kName, patch, {}), IsOk());
    }
    return PassOn(seen);
  });
  RestClient client(raced);
  const auto a = NewCandidate(client, clock_a_, "a");
  ASSERT_THAT(a->Attempt(context_), IsOkAndHolds(true));
  EXPECT_THAT(a->Release(context_), IsOk());
  EXPECT_EQ(Stored().holder, "");
  EXPECT_FALSE(a->MayHold());
}

TEST_F(LeaseTest, ReleaseOfAnothersLeaseChangesNothing) {
  ASSERT_THAT(Attempt(a_), IsOkAndHolds(true));
  EXPECT_THAT(b_.Release(context_), IsOk());
  EXPECT_EQ(Stored().holder, a_.identity());
  EXPECT_TRUE(a_.IsLeader());
}

TEST_F(LeaseTest, ReleaseOfNothingIsDone) {
  ASSERT_TRUE(api_.Remove(kLeases, kName));
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
           {{"metadata", {{"labels", {{"keep", "me"}}}}},
            {"spec", {{"leaseDurationSeconds", 1}, {"strategy", "Oldest"}}}});
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

TEST(LeaseOptionsTest, WrongOnesAreAnErrorAndNoEndOfTheProcess) {
  FakeKubeApi api;
  RestClient client(api);
  FakeClock clock;
  EXPECT_THAT(LeaseCandidate::New(client, clock, OptionsOf("")), StatusIs(Code::kInvalidArgument));
}

TEST(LeaseOptionsTest, TimesMustFitIntoEachOther) {
  LeaseOptions options = OptionsOf("a");
  EXPECT_THAT(CheckLeaseOptions(options), IsOk());
  options.renew_deadline = seconds(15);
  EXPECT_THAT(CheckLeaseOptions(options), StatusIs(Code::kInvalidArgument));
  options.renew_deadline = seconds(2);
  EXPECT_THAT(CheckLeaseOptions(options), StatusIs(Code::kInvalidArgument, HasSubstr("1.2")));
  options = OptionsOf("a");
  options.lease_duration = std::chrono::hours(25);
  EXPECT_THAT(CheckLeaseOptions(options), StatusIs(Code::kInvalidArgument, HasSubstr("a day")));
  options = OptionsOf("a");
  options.retry_period = seconds(0);
  EXPECT_THAT(CheckLeaseOptions(options), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(CheckLeaseOptions(OptionsOf("")), StatusIs(Code::kInvalidArgument));
}

}  // namespace
}  // namespace rbdcrypt::k8s
