// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

// The part of ceph_contract.h about connections, pools and fencing.
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/contract/ceph_world.h"

namespace rbdcrypt::testing {

inline void Fence(rbd::Connection& victim, rbd::Connection& by) {
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> addresses, victim.OwnAddresses());
  for (const std::string& address : addresses) {
    ASSERT_THAT(by.Blocklist(address, std::chrono::hours(1)), IsOk());
  }
}

TEST_P(CephContract, FsidIsTheClustersUuid) {
  ASSERT_OK_AND_ASSIGN(const std::string fsid, first().Fsid());
  EXPECT_THAT(fsid, ::testing::SizeIs(36));
  EXPECT_THAT(second().Fsid(), IsOkAndHolds(fsid));
}

TEST_P(CephContract, PoolsHaveNamesAndNumbers) {
  ASSERT_OK_AND_ASSIGN(const std::int64_t id, first().PoolId("rbd"));
  EXPECT_THAT(first().PoolName(id), IsOkAndHolds(std::string("rbd")));
  EXPECT_EQ(pool().id(), id);
  EXPECT_EQ(pool().name(), "rbd");
  EXPECT_EQ(pool().rados_namespace(), "");
}

TEST_P(CephContract, UnknownPoolsAndNamespacesAreToldApart) {
  EXPECT_THAT(first().PoolId("no-such-pool"), StatusIs(Code::kNotFound));
  EXPECT_THAT(first().PoolName(1'000'000), StatusIs(Code::kNotFound));
  EXPECT_THAT(first().OpenPool("no-such-pool", ""), StatusIs(Code::kNotFound));
  EXPECT_THAT(first().OpenPool("rbd", "no-such-namespace"), StatusIs(Code::kInvalidArgument));
}

TEST_P(CephContract, PoolsAndNamespacesAreListed) {
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> pools, first().PoolNames());
  EXPECT_THAT(pools, ::testing::Contains("rbd"));
  EXPECT_TRUE(std::is_sorted(pools.begin(), pools.end()));
  EXPECT_THAT(first().NamespacesOf("rbd"), IsOkAndHolds(::testing::Contains("contract")));
  EXPECT_THAT(first().NamespacesOf("no-such-pool"), StatusIs(Code::kNotFound));
}

TEST_P(CephContract, NamespacesAreWorldsOfTheirOwn) {
  ASSERT_OK_AND_ASSIGN(const auto inner, first().OpenPool("rbd", "contract"));
  EXPECT_EQ(inner->rados_namespace(), "contract");
  ASSERT_THAT(inner->omap().CreateObject(name(), {}), IsOk());
  EXPECT_THAT(omap().ObjectExists(name()), IsOkAndHolds(false));
  ASSERT_THAT(inner->images().Create(name(), {.size_bytes = 4ULL << 20U}), IsOk());
  EXPECT_THAT(pool().images().Open(name(), rbd::OpenMode::kReadOnly), StatusIs(Code::kNotFound));
}

TEST_P(CephContract, ClientsHaveAddressesOfTheirOwn) {
  ASSERT_OK_AND_ASSIGN(const auto mine, first().OwnAddresses());
  ASSERT_OK_AND_ASSIGN(const auto others, second().OwnAddresses());
  ASSERT_THAT(mine, ::testing::Not(::testing::IsEmpty()));
  for (const std::string& address : mine) {
    EXPECT_THAT(others, ::testing::Not(::testing::Contains(address)));
  }
}

TEST_P(CephContract, FencedClientIsAbortedEverywhere) {
  ASSERT_THAT(pool().images().Create(name(), {.size_bytes = 4ULL << 20U}), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto image, pool().images().Open(name(), rbd::OpenMode::kReadWrite));
  ASSERT_NO_FATAL_FAILURE(Fence(first(), second()));
  // An OSD shuts it out once it has the map, which operations of the fencing client bring along.
  ASSERT_THAT(second_pool().omap().ObjectExists(name()), IsOkAndHolds(false));
  ASSERT_OK_AND_ASSIGN(const auto seen,
                       second_pool().images().Open(name(), rbd::OpenMode::kReadOnly));
  std::vector<std::byte> sector(512);
  ASSERT_THAT(seen->Read(0, sector), IsOk());
  EXPECT_THAT(omap().Set(name(), {{"a", "1"}}), StatusIs(Code::kAborted));
  EXPECT_THAT(omap().List(name(), ""), StatusIs(Code::kAborted));
  EXPECT_THAT(image->Write(0, std::vector<std::byte>(512)), StatusIs(Code::kAborted));
  EXPECT_THAT(image->SetMetadata("a", "1"), StatusIs(Code::kAborted));
  EXPECT_TRUE(first().IsFenced());
}

TEST_P(CephContract, FencingTakesDownNobodyElse) {
  ASSERT_NO_FATAL_FAILURE(Fence(first(), second()));
  EXPECT_FALSE(second().IsFenced());
  EXPECT_THAT(second_pool().omap().Set(name(), {{"a", "1"}}), IsOk());
}

TEST_P(CephContract, FencedClientKeepsItsLockUntilItIsBroken) {
  const rbd::LockName lock{.object = name(), .name = "lock", .cookie = "c", .description = ""};
  ASSERT_THAT(pool().locks().Acquire(lock, std::chrono::hours(1), {"note", ""}), IsOk());
  ASSERT_NO_FATAL_FAILURE(Fence(first(), second()));
  EXPECT_THAT(second_pool().locks().Acquire(lock, world().LockDuration(), {"note", ""}),
              StatusIs(Code::kAborted));
  ASSERT_OK_AND_ASSIGN(const auto holder, second_pool().locks().Holder(lock));
  ASSERT_TRUE(holder.has_value());
  ASSERT_THAT(second_pool().locks().Break(lock, *holder), IsOk());
  EXPECT_THAT(second_pool().locks().Acquire(lock, world().LockDuration(), {"note", ""}), IsOk());
}

TEST_P(CephContract, FencedClientLosesItsWatch) {
  ASSERT_THAT(pool().images().Create(name(), {.size_bytes = 4ULL << 20U}), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto image, pool().images().Open(name(), rbd::OpenMode::kReadWrite));
  ASSERT_OK_AND_ASSIGN(const auto other,
                       second_pool().images().Open(name(), rbd::OpenMode::kReadOnly));
  EXPECT_THAT(other->Watchers(), IsOkAndHolds(::testing::SizeIs(1)));
  ASSERT_NO_FATAL_FAILURE(Fence(first(), second()));
  EXPECT_TRUE(world().Eventually([&] {
    const auto watchers = other->Watchers();
    return watchers.ok() && watchers->empty();
  }));
}

}  // namespace rbdcrypt::testing
