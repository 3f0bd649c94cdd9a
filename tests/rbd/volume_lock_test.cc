// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/volume_lock.h"

#include <chrono>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_cluster.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::FakeCeph;
using ::rbdcrypt::testing::FakeClock;
using ::rbdcrypt::testing::FakeProcess;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::testing::HasSubstr;

constexpr char kVolumeId[] = "0001-0009-rook-ceph-0000000000000001-b0285c97-a0ce-11eb-8c66";
constexpr char kImage[] = "csi-vol-b0285c97";

// A program with a connection and an open pool of its own.
class Worker {
 public:
  Worker(FakeCeph& ceph, FakeClock& clock, const std::string& identity)
      : process_(ceph.StartProcess()), context_({.clock = &clock}) {
    options_.identity = identity;
    options_.process = identity + "/1";
    Connect();
  }

  Result<std::unique_ptr<VolumeLock>> Lock() {
    return VolumeLock::Acquire(
        context_,
        {.connection = *connection_, .pool = *pool_, .volume_id = kVolumeId, .image_name = kImage},
        options_);
  }

  // A new process in its place; locks of the old one stay.
  void Restart() {
    process_->Revive();
    options_.process += "'";
    Connect();
  }

  std::string Address() { return connection_->OwnAddresses()->front(); }

  Status Write() {
    ASSIGN_OR_RETURN(const auto image, pool_->images().Open(kImage, OpenMode::kReadWrite));
    return image->SetMetadata("written-by", options_.identity);
  }

  FakeProcess& process() { return *process_; }

  Pool& pool() { return *pool_; }

  VolumeLock::Options& options() { return options_; }

 private:
  void Connect() {
    const Credentials credentials{.user = "csi", .key = Secret("a2V5")};
    connection_ = *process_->Exclusive({}, credentials);
    pool_ = *connection_->OpenPool("rbd", "");
  }

  std::unique_ptr<FakeProcess> process_;
  Context context_;
  VolumeLock::Options options_;
  std::shared_ptr<Connection> connection_;
  std::unique_ptr<Pool> pool_;
};

class VolumeLockTest : public ::testing::Test {
 protected:
  VolumeLockTest() {
    EXPECT_THAT(ceph_.Admin().images().Create(kImage, {.size_bytes = 1 << 20}), IsOk());
  }

  void LetLocksRunOut() { clock_.Advance(std::chrono::seconds(181)); }

  FakeClock clock_;
  FakeCeph ceph_{clock_};
  Worker first_{ceph_, clock_, "controller-a"};
  Worker second_{ceph_, clock_, "controller-b"};
};

TEST(VolumeLockNameTest, IsCephCsisUnlessItDoesNotFitRados) {
  // ceph-csi-compat 5.11: 85 characters are the most that "-mutexlock" leaves room for.
  const std::string longest(85, 'v');
  EXPECT_EQ(VolumeLockName(longest).name, longest + "-mutexlock");
  const std::string uuid = "b0285c97-a0ce-11eb-8c66-0242ac110002";
  const std::string too_long = std::string(50, 'v') + uuid;
  const LockName name = VolumeLockName(too_long);
  EXPECT_EQ(name.name, uuid + "-mutexlock");
  EXPECT_EQ(name.object, too_long);
  EXPECT_EQ(name.cookie, too_long + "-enc-key-rotate");
}

TEST_F(VolumeLockTest, IsExclusiveAndLeavesNothingButItsObject) {
  {
    ASSERT_OK_AND_ASSIGN(const auto lock, first_.Lock());
    EXPECT_THAT(second_.Lock(), StatusIs(Code::kAborted, HasSubstr(kVolumeId)));
    EXPECT_THAT(first_.Lock(), StatusIs(Code::kAborted));
  }
  EXPECT_THAT(second_.Lock(), IsOk());
  EXPECT_THAT(ceph_.Objects()[kVolumeId], ::testing::IsEmpty());
}

TEST_F(VolumeLockTest, HolderThatStoodStillIsFencedBeforeTheNextOneBegins) {
  ASSERT_OK_AND_ASSIGN(const auto stopped, first_.Lock());
  LetLocksRunOut();
  ASSERT_OK_AND_ASSIGN(const auto lock, second_.Lock());
  EXPECT_THAT(first_.Write(), StatusIs(Code::kAborted));
  EXPECT_THAT(second_.Write(), IsOk());
  EXPECT_THAT(stopped->EnsureHeld(), StatusIs(Code::kAborted));
}

// Two pauses: the first one wakes up, gives up and goes; the second, which stands still by now,
// must not thereby escape the third one's fence.
TEST_F(VolumeLockTest, OneThatLostTheLockTakesNobodyElsesRecordAway) {
  auto stopped = *first_.Lock();
  LetLocksRunOut();
  ceph_.ForbidBlocklisting();
  second_.options().orphan_grace = std::chrono::seconds(0);
  ASSERT_OK_AND_ASSIGN(const auto also_stopped, second_.Lock());
  stopped.reset();
  Worker third(ceph_, clock_, "controller-c");
  LetLocksRunOut();
  EXPECT_THAT(third.Lock(), StatusIs(Code::kAborted, HasSubstr(second_.Address())));
}

TEST_F(VolumeLockTest, EarlierLifeOfTheSameProgramIsReplacedAtOnce) {
  ASSERT_OK_AND_ASSIGN(auto lock, first_.Lock());
  // A dead process releases nothing.
  first_.process().Kill();
  lock.reset();
  first_.Restart();
  EXPECT_THAT(first_.Lock(), IsOk());
}

TEST_F(VolumeLockTest, AnotherCallOfTheSameProcessIsWaitedFor) {
  ASSERT_OK_AND_ASSIGN(const auto lock, first_.Lock());
  clock_.Advance(std::chrono::seconds(100));
  second_.options() = first_.options();
  EXPECT_THAT(second_.Lock(), StatusIs(Code::kAborted));
  EXPECT_THAT(first_.Write(), IsOk());
}

TEST_F(VolumeLockTest, DeadHolderIsReplacedOnceItsWatchIsGone) {
  ASSERT_OK_AND_ASSIGN(auto image, first_.pool().images().Open(kImage, OpenMode::kReadWrite));
  ASSERT_OK_AND_ASSIGN(const auto lock, first_.Lock());
  clock_.Advance(std::chrono::seconds(60));
  EXPECT_THAT(second_.Lock(), StatusIs(Code::kAborted));
  image.reset();
  EXPECT_THAT(second_.Lock(), IsOk());
  EXPECT_THAT(first_.Write(), StatusIs(Code::kAborted));
}

TEST_F(VolumeLockTest, YoungHolderThatHasNotOpenedTheImageYetIsNotTakenForDead) {
  ASSERT_OK_AND_ASSIGN(const auto lock, first_.Lock());
  clock_.Advance(std::chrono::seconds(30));
  EXPECT_THAT(second_.Lock(), StatusIs(Code::kAborted));
  EXPECT_THAT(first_.Write(), IsOk());
}

TEST_F(VolumeLockTest, LockOfCephCsiIsWaitedFor) {
  const LockName name = VolumeLockName(kVolumeId);
  ASSERT_THAT(ceph_.Admin().locks().Acquire(name, kVolumeLockDuration, {"of ceph-csi", ""}),
              IsOk());
  clock_.Advance(std::chrono::seconds(100));
  EXPECT_THAT(first_.Lock(), StatusIs(Code::kAborted));
  clock_.Advance(std::chrono::seconds(81));
  EXPECT_THAT(first_.Lock(), IsOk());
}

// Safety G2: where fencing is not permitted, the grace begins when somebody first waits.
TEST_F(VolumeLockTest, HolderThatCannotBeFencedIsWaitedFor) {
  ceph_.ForbidBlocklisting();
  ASSERT_OK_AND_ASSIGN(const auto lock, first_.Lock());
  // Long before anybody saw it.
  clock_.Advance(std::chrono::hours(2));
  EXPECT_THAT(second_.Lock(), StatusIs(Code::kAborted, HasSubstr("osd blocklist")));
  clock_.Advance(std::chrono::minutes(14));
  EXPECT_THAT(second_.Lock(), StatusIs(Code::kAborted));
  clock_.Advance(std::chrono::minutes(2));
  EXPECT_THAT(second_.Lock(), IsOk());
  EXPECT_THAT(ceph_.Objects()[kVolumeId], ::testing::IsEmpty());
}

TEST_F(VolumeLockTest, RecordNobodyCanReadIsAnErrorWithAWayOut) {
  ASSERT_THAT(ceph_.Admin().omap().Set(kVolumeId, {{HolderKey("10.0.0.7:0/1"), "{}"}}), IsOk());
  EXPECT_THAT(first_.Lock(), StatusIs(Code::kFailedPrecondition, HasSubstr("omap key")));
  ASSERT_THAT(ceph_.Admin().omap().RemoveKey(kVolumeId, HolderKey("10.0.0.7:0/1"), "{}"), IsOk());
  EXPECT_THAT(first_.Lock(), IsOk());
}

TEST_F(VolumeLockTest, RenewedLockOutlivesItsDuration) {
  ASSERT_OK_AND_ASSIGN(const auto lock, first_.Lock());
  for (int i = 0; i < 10; ++i) {
    clock_.Advance(std::chrono::seconds(29));
    ASSERT_THAT(lock->EnsureHeld(), IsOk());
    clock_.Advance(std::chrono::seconds(2));
    ASSERT_THAT(lock->EnsureHeld(), IsOk());
  }
  EXPECT_THAT(second_.pool().locks().Holder(VolumeLockName(kVolumeId)),
              IsOkAndHolds(::testing::Ne(std::nullopt)));
}

// Safety G1: at least 90 s are left after EnsureHeld().
TEST_F(VolumeLockTest, EnsureHeldLeavesTheReserve) {
  ASSERT_OK_AND_ASSIGN(const auto lock, first_.Lock());
  for (int seconds = 0; seconds < 200; seconds += 10) {
    ASSERT_THAT(lock->EnsureHeld(), IsOk());
    clock_.Advance(kVolumeLockReserve - std::chrono::seconds(1));
    ASSERT_THAT(second_.pool().locks().Holder(VolumeLockName(kVolumeId)),
                IsOkAndHolds(::testing::Ne(std::nullopt)));
  }
}

TEST_F(VolumeLockTest, WhoeverTakesOverFencesTheMappedDevice) {
  ASSERT_OK_AND_ASSIGN(const auto lock, first_.Lock());
  Worker device(ceph_, clock_, "kernel");
  ASSERT_THAT(lock->AlsoFence({device.Address()}), IsOk());
  ASSERT_THAT(device.Write(), IsOk());
  LetLocksRunOut();
  ASSERT_OK_AND_ASSIGN(const auto next, second_.Lock());
  EXPECT_THAT(device.Write(), StatusIs(Code::kAborted));
}

TEST_F(VolumeLockTest, NothingIsWidenedOnceTheLockIsLost) {
  ASSERT_OK_AND_ASSIGN(const auto stopped, first_.Lock());
  LetLocksRunOut();
  ASSERT_OK_AND_ASSIGN(const auto lock, second_.Lock());
  EXPECT_THAT(stopped->AlsoFence({"10.0.0.7:0/1"}), StatusIs(Code::kAborted));
}

TEST_F(VolumeLockTest, RemovedObjectTakesLockAndRecordWithIt) {
  ASSERT_OK_AND_ASSIGN(const auto lock, first_.Lock());
  ASSERT_THAT(lock->RemoveObject(), IsOk());
  EXPECT_EQ(ceph_.Objects().count(kVolumeId), 0U);
  EXPECT_THAT(second_.Lock(), IsOk());
}

}  // namespace
}  // namespace rbdcrypt::rbd
