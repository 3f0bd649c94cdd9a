// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

// The part of ceph_contract.h about locks.
#include <string>

#include "tests/contract/ceph_world.h"

namespace rbdcrypt::testing {

inline rbd::LockName LockOn(const std::string& object) {
  return {.object = object, .name = "lock", .cookie = "cookie", .description = "a test"};
}

inline const rbd::LockNote kNote = {.key = "note", .value = "of a test"};

TEST_P(CephContract, LockIsExclusive) {
  const rbd::LockName lock = LockOn(name());
  ASSERT_THAT(pool().locks().Acquire(lock, world().LockDuration(), kNote), IsOk());
  EXPECT_THAT(second_pool().locks().Acquire(lock, world().LockDuration(), kNote),
              StatusIs(Code::kAborted));
  EXPECT_THAT(pool().locks().Acquire(lock, world().LockDuration(), kNote),
              StatusIs(Code::kAborted));
}

TEST_P(CephContract, LockMakesObjectAndReleaseLeavesIt) {
  ASSERT_THAT(pool().locks().Acquire(LockOn(name()), world().LockDuration(), kNote), IsOk());
  ASSERT_THAT(pool().locks().Release(LockOn(name()), kNote.key), IsOk());
  EXPECT_THAT(omap().List(name(), ""), IsOkAndHolds(rbd::OmapValues{}));
}

TEST_P(CephContract, LockNoteStandsAndFallsWithTheLock) {
  const rbd::LockName lock = LockOn(name());
  ASSERT_THAT(pool().locks().Acquire(lock, world().LockDuration(), kNote), IsOk());
  EXPECT_THAT(omap().Get(name(), "note"), IsOkAndHolds("of a test"));
  ASSERT_THAT(second_pool().locks().Acquire(lock, world().LockDuration(), {"other", "refused"}),
              StatusIs(Code::kAborted));
  EXPECT_THAT(omap().List(name(), ""), IsOkAndHolds(rbd::OmapValues{{"note", "of a test"}}));
  ASSERT_THAT(pool().locks().Release(lock, "note"), IsOk());
  EXPECT_THAT(omap().List(name(), ""), IsOkAndHolds(rbd::OmapValues{}));
}

TEST_P(CephContract, LockNoteOfOneWhoLostTheLockIsRemovedAlone) {
  const rbd::LockName lock = LockOn(name());
  ASSERT_THAT(pool().locks().Acquire(lock, world().LockDuration(), kNote), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto holder, second_pool().locks().Holder(lock));
  ASSERT_THAT(second_pool().locks().Break(lock, *holder), IsOk());
  ASSERT_THAT(second_pool().locks().Acquire(lock, world().LockDuration(), {"other", "taken"}),
              IsOk());
  EXPECT_THAT(pool().locks().Release(lock, "note"), IsOk());
  EXPECT_THAT(omap().List(name(), ""), IsOkAndHolds(rbd::OmapValues{{"other", "taken"}}));
  EXPECT_THAT(second_pool().locks().Renew(lock, world().LockDuration()), IsOk());
}

TEST_P(CephContract, LockReleaseMakesNoObject) {
  EXPECT_THAT(pool().locks().Release(LockOn(name()), kNote.key), IsOk());
  EXPECT_THAT(omap().ObjectExists(name()), IsOkAndHolds(false));
}

TEST_P(CephContract, LockReleaseLetsTheNextIn) {
  const rbd::LockName lock = LockOn(name());
  ASSERT_THAT(pool().locks().Acquire(lock, world().LockDuration(), kNote), IsOk());
  ASSERT_THAT(pool().locks().Release(lock, kNote.key), IsOk());
  EXPECT_THAT(second_pool().locks().Acquire(lock, world().LockDuration(), kNote), IsOk());
}

TEST_P(CephContract, LockReleaseOfWhatIsNotHeldIsOkAndTakesNothing) {
  const rbd::LockName lock = LockOn(name());
  EXPECT_THAT(pool().locks().Release(lock, kNote.key), IsOk());
  ASSERT_THAT(pool().locks().Acquire(lock, world().LockDuration(), kNote), IsOk());
  EXPECT_THAT(second_pool().locks().Release(lock, kNote.key), IsOk());
  EXPECT_THAT(second_pool().locks().Acquire(lock, world().LockDuration(), kNote),
              StatusIs(Code::kAborted));
}

TEST_P(CephContract, LockRunsOut) {
  const rbd::LockName lock = LockOn(name());
  ASSERT_THAT(pool().locks().Acquire(lock, world().LockDuration(), kNote), IsOk());
  world().Pass(world().LockDuration() + std::chrono::seconds(1));
  EXPECT_THAT(second_pool().locks().Holder(lock), IsOkAndHolds(::testing::Eq(std::nullopt)));
  EXPECT_THAT(second_pool().locks().Acquire(lock, world().LockDuration(), kNote), IsOk());
  EXPECT_THAT(pool().locks().Renew(lock, world().LockDuration()), StatusIs(Code::kAborted));
}

TEST_P(CephContract, LockRenewBeginsTheDurationAnew) {
  const rbd::LockName lock = LockOn(name());
  ASSERT_THAT(pool().locks().Acquire(lock, world().LockDuration(), kNote), IsOk());
  ASSERT_THAT(pool().locks().Renew(lock, 4 * world().LockDuration()), IsOk());
  world().Pass(world().LockDuration() + std::chrono::seconds(1));
  EXPECT_THAT(second_pool().locks().Acquire(lock, world().LockDuration(), kNote),
              StatusIs(Code::kAborted));
}

TEST_P(CephContract, LockRenewNeedsTheLock) {
  const rbd::LockName lock = LockOn(name());
  EXPECT_THAT(pool().locks().Renew(lock, world().LockDuration()), StatusIs(Code::kAborted));
  ASSERT_THAT(pool().locks().Acquire(lock, world().LockDuration(), kNote), IsOk());
  EXPECT_THAT(second_pool().locks().Renew(lock, world().LockDuration()), StatusIs(Code::kAborted));
  world().Pass(world().LockDuration() + std::chrono::seconds(1));
  EXPECT_THAT(pool().locks().Renew(lock, world().LockDuration()), StatusIs(Code::kAborted));
}

TEST_P(CephContract, LockSaysWhoHoldsIt) {
  const rbd::LockName lock = LockOn(name());
  EXPECT_THAT(pool().locks().Holder(lock), IsOkAndHolds(::testing::Eq(std::nullopt)));
  ASSERT_THAT(pool().locks().Acquire(lock, world().LockDuration(), kNote), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto holder, second_pool().locks().Holder(lock));
  ASSERT_TRUE(holder.has_value());
  EXPECT_EQ(holder->cookie, "cookie");
  EXPECT_THAT(holder->client, ::testing::StartsWith("client."));
  EXPECT_THAT(first().OwnAddresses(), IsOkAndHolds(::testing::Contains(holder->address)));
}

TEST_P(CephContract, LockBreakTakesItFromThatHolderOnly) {
  const rbd::LockName lock = LockOn(name());
  ASSERT_THAT(pool().locks().Acquire(lock, world().LockDuration(), kNote), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto holder, second_pool().locks().Holder(lock));
  ASSERT_TRUE(holder.has_value());
  ASSERT_THAT(second_pool().locks().Break(lock, *holder), IsOk());
  ASSERT_THAT(second_pool().locks().Acquire(lock, world().LockDuration(), kNote), IsOk());
  EXPECT_THAT(second_pool().locks().Break(lock, *holder), IsOk());
  EXPECT_THAT(pool().locks().Acquire(lock, world().LockDuration(), kNote),
              StatusIs(Code::kAborted));
}

TEST_P(CephContract, LockNamesFitUpTo95Characters) {
  rbd::LockName lock = LockOn(name());
  lock.name = std::string(95, 'n');
  EXPECT_THAT(pool().locks().Acquire(lock, world().LockDuration(), kNote), IsOk());
  lock.name += 'n';
  EXPECT_THAT(pool().locks().Acquire(lock, world().LockDuration(), kNote),
              StatusIs(Code::kInvalidArgument));
}

TEST_P(CephContract, LockGoesWithItsObject) {
  const rbd::LockName lock = LockOn(name());
  ASSERT_THAT(pool().locks().Acquire(lock, world().LockDuration(), kNote), IsOk());
  ASSERT_THAT(omap().RemoveObject(name()), IsOk());
  EXPECT_THAT(pool().locks().Holder(lock), IsOkAndHolds(::testing::Eq(std::nullopt)));
  EXPECT_THAT(pool().locks().Renew(lock, world().LockDuration()), StatusIs(Code::kAborted));
  EXPECT_THAT(pool().locks().Release(lock, kNote.key), IsOk());
}

}  // namespace rbdcrypt::testing
