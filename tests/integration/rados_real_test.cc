// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// What only a real cluster shows of rbd/rados_* and rbd/connections: refused users, fencing, large
// omaps, how addresses are written.
#include <gtest/gtest.h>

#include "base/strings.h"
#include "rbd/connections.h"
#include "rbd/rados_connection.h"
#include "tests/integration/real_ceph.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::RealCeph;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::StoppedDaemon;
using ::rbdcrypt::testing::UniqueName;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A key in the right form that no user has.
constexpr char kForeignKey[] = "AQB0hFZmAAAAABAAMzMzMzMzMzMzMzMzMzMzMw==";

class RadosRealTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ceph_ = RealCeph::FromEnvironment();
    if (!ceph_.has_value()) {
      GTEST_SKIP() << RealCeph::WhyAbsent();
    }
    connection_ = ceph_->Connect();
    pool_ = *connection_->OpenPool("rbd", "");
    name_ = UniqueName("rados");
  }

  void TearDown() override {
    if (pool_ != nullptr) {
      EXPECT_THAT(pool_->omap().RemoveObject(name_), IsOk());
    }
  }

  Status TryConnect(const ClusterAddress& address, const Credentials& user) {
    return RadosConnection::Connect(
               address, user, {.config_path = "", .operation_timeout = std::chrono::seconds(2)})
        .status();
  }

  std::optional<RealCeph> ceph_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Pool> pool_;
  std::string name_;
};

TEST_F(RadosRealTest, ConnectTellsWrongKeyUserAndMonitorApart) {
  // With its type: on an unusual port librados tries both protocols, and never ends with the other.
  const ClusterAddress address = {.monitors = {Cat("v1:", ceph_->Address().monitors.front())}};
  EXPECT_THAT(TryConnect(address, {.user = "csi", .key = Secret(kForeignKey)}),
              StatusIs(Code::kPermissionDenied, HasSubstr("client.csi")));
  EXPECT_THAT(TryConnect(address, {.user = "nobody", .key = Secret(kForeignKey)}),
              StatusIs(Code::kPermissionDenied, HasSubstr("client.nobody")));
  EXPECT_THAT(TryConnect(address, {.user = "csi", .key = Secret("no key")}),
              StatusIs(Code::kInvalidArgument, HasSubstr("userKey")));
  EXPECT_THAT(TryConnect({.monitors = {"127.0.0.1:1"}}, ceph_->User()),
              StatusIs(Code::kUnavailable, HasSubstr("127.0.0.1:1")));
  EXPECT_THAT(TryConnect({.monitors = {"not a monitor"}}, ceph_->User()),
              StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(TryConnect({}, ceph_->User()), StatusIs(Code::kInvalidArgument));
}

TEST_F(RadosRealTest, PoolsAreFoundByNameAndNumber) {
  ASSERT_OK_AND_ASSIGN(const std::int64_t id, connection_->PoolId("rbd2"));
  EXPECT_THAT(connection_->PoolName(id), IsOkAndHolds(Eq("rbd2")));
  EXPECT_THAT(connection_->PoolName(999), StatusIs(Code::kNotFound));
  EXPECT_THAT(connection_->PoolId("none"), StatusIs(Code::kNotFound));
  EXPECT_THAT(connection_->OpenPool("none", ""), StatusIs(Code::kNotFound));
  EXPECT_THAT(connection_->OpenPool("rbd", "none"),
              StatusIs(Code::kInvalidArgument, HasSubstr("radosNamespace none")));
  EXPECT_THAT(pool_->id(), Eq(*connection_->PoolId("rbd")));
}

TEST_F(RadosRealTest, SilentMonitorHoldsNobodyForEver) {
  const auto connection =
      *RadosConnection::Connect(ceph_->Address(), ceph_->User(),
                                {.config_path = "", .operation_timeout = std::chrono::seconds(2)});
  ASSERT_THAT(connection->OpenPool("rbd", ""), IsOk());
  const StoppedDaemon monitor("mon.a");
  EXPECT_THAT(connection->PoolId("rbd"), IsOk());
  EXPECT_THAT(connection->PoolId("none"), StatusIs(Code::kUnavailable));
  EXPECT_THAT(connection->PoolName(999), StatusIs(Code::kUnavailable));
  EXPECT_THAT(connection->OpenPool("none", ""), StatusIs(Code::kUnavailable));
  EXPECT_THAT(connection->Blocklist("127.0.0.1:0/1", std::chrono::seconds(1)),
              StatusIs(Code::kUnavailable));
  EXPECT_FALSE(connection->IsFenced());
}

TEST_F(RadosRealTest, SilentOsdHoldsNobodyForEver) {
  const auto connection =
      *RadosConnection::Connect(ceph_->Address(), ceph_->User(),
                                {.config_path = "", .operation_timeout = std::chrono::seconds(2)});
  const auto pool = *connection->OpenPool("rbd", "");
  const StoppedDaemon osd("osd.0");
  EXPECT_THAT(pool->omap().Get(name_, "k"), StatusIs(Code::kUnavailable));
  EXPECT_THAT(pool->images().Open(name_, OpenMode::kReadWrite), StatusIs(Code::kUnavailable));
  EXPECT_THAT(pool->images().List(), StatusIs(Code::kUnavailable));
  const LockName lock = {.object = name_, .name = "l", .cookie = "c", .description = "d"};
  EXPECT_THAT(pool->locks().Holder(lock), StatusIs(Code::kUnavailable));
}

TEST_F(RadosRealTest, AddressesOfClientHolderAndWatcherAreWrittenAlike) {
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> own, connection_->OwnAddresses());
  ASSERT_THAT(own, SizeIs(1));
  const LockName lock = {.object = name_, .name = "l", .cookie = "c", .description = "d"};
  ASSERT_THAT(pool_->locks().Acquire(lock, std::chrono::seconds(30), {"note", ""}), IsOk());
  EXPECT_THAT((**pool_->locks().Holder(lock)).address, Eq(own.front()));
  ASSERT_THAT(pool_->images().Create(name_, {.size_bytes = 1 << 20}), IsOk());
  std::string id;
  {
    const auto image = *pool_->images().Open(name_, OpenMode::kReadWrite);
    ASSERT_OK_AND_ASSIGN(const std::vector<Watcher> watchers, image->Watchers());
    ASSERT_THAT(watchers, SizeIs(1));
    EXPECT_THAT(watchers.front().address, Eq(own.front()));
    EXPECT_TRUE(watchers.front().is_self);
    id = image->Id();
  }
  ASSERT_THAT(pool_->images().MoveToTrash(name_), IsOk());
  ASSERT_THAT(pool_->images().PurgeFromTrash(id), IsOk());
}

TEST_F(RadosRealTest, FencedClientCanDoNothingMore) {
  const auto fenced = ceph_->Connect();
  const auto its_pool = *fenced->OpenPool("rbd", "");
  ASSERT_THAT(its_pool->images().Create(name_, {.size_bytes = 1 << 20}), IsOk());
  auto image = *its_pool->images().Open(name_, OpenMode::kReadWrite);
  const std::array<std::byte, 512> sector = {};
  ASSERT_THAT(image->Write(0, sector), IsOk());
  EXPECT_FALSE(fenced->IsFenced());
  const std::vector<std::string> addresses = *fenced->OwnAddresses();
  for (const std::string& address : addresses) {
    ASSERT_THAT(connection_->Blocklist(address, std::chrono::seconds(60)), IsOk());
  }
  EXPECT_TRUE(fenced->IsFenced());
  EXPECT_FALSE(connection_->IsFenced());
  EXPECT_THAT(image->Write(0, sector), StatusIs(Code::kAborted, HasSubstr("fenced")));
  EXPECT_THAT(image->CompareAndWrite(0, sector, sector), StatusIs(Code::kAborted));
  EXPECT_THAT(image->SetMetadata("k", "v"), StatusIs(Code::kAborted));
  EXPECT_THAT(its_pool->omap().Set(name_, {{"k", "v"}}), StatusIs(Code::kAborted));
  const LockName lock = {.object = name_, .name = "l", .cookie = "c", .description = "d"};
  EXPECT_THAT(its_pool->locks().Acquire(lock, std::chrono::seconds(30), {"note", ""}),
              StatusIs(Code::kAborted));
  image.reset();
  const std::string id = (*pool_->images().Open(name_, OpenMode::kReadOnly))->Id();
  ASSERT_THAT(pool_->images().MoveToTrash(name_), IsOk());
  ASSERT_THAT(pool_->images().PurgeFromTrash(id), IsOk());
}

TEST_F(RadosRealTest, FencedLeaseIsReplaced) {
  Connections source(SystemClock(), [](const auto& address, const auto& user) {
    return RadosConnection::Connect(address, user, {.config_path = ""});
  });
  std::string first;
  {
    const auto lease = *source.Exclusive(ceph_->Address(), ceph_->User());
    ASSERT_THAT(lease->OpenPool("rbd", ""), IsOk());
    first = lease->OwnAddresses()->front();
  }
  {
    const auto lease = *source.Exclusive(ceph_->Address(), ceph_->User());
    EXPECT_THAT(lease->OwnAddresses(), IsOkAndHolds(ElementsAre(first)));
  }
  ASSERT_THAT(connection_->Blocklist(first, std::chrono::seconds(60)), IsOk());
  const auto lease = *source.Exclusive(ceph_->Address(), ceph_->User());
  EXPECT_NE(lease->OwnAddresses()->front(), first);
  EXPECT_THAT(lease->OpenPool("rbd", ""), IsOk());
}

TEST_F(RadosRealTest, OmapOfManyPagesIsListedWhole) {
  OmapValues values;
  for (int i = 0; i < 1300; ++i) {
    values[Cat(i % 2 == 0 ? "even" : "odd", i)] = Cat("v", i);
  }
  ASSERT_THAT(pool_->omap().Set(name_, values), IsOk());
  EXPECT_THAT(pool_->omap().List(name_, ""), IsOkAndHolds(Eq(values)));
  EXPECT_THAT(pool_->omap().List(name_, "even"), IsOkAndHolds(SizeIs(650)));
  EXPECT_THAT(pool_->omap().ListObjects(name_), IsOkAndHolds(ElementsAre(name_)));
}

TEST_F(RadosRealTest, SetNewRefusesKeyWithEmptyValue) {
  ASSERT_THAT(pool_->omap().Set(name_, {{"k", ""}}), IsOk());
  EXPECT_THAT(pool_->omap().SetNew(name_, "k", "v"), StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(pool_->omap().Get(name_, "k"), IsOkAndHolds(Eq("")));
  EXPECT_THAT(pool_->omap().SetNew(name_, "other", "v"), IsOk());
}

TEST_F(RadosRealTest, LockNameThatIsTooLongIsRefused) {
  const LockName lock = {
      .object = name_, .name = std::string(96, 'x'), .cookie = "c", .description = "d"};
  EXPECT_THAT(pool_->locks().Acquire(lock, std::chrono::seconds(30), {"note", ""}),
              StatusIs(Code::kInvalidArgument, HasSubstr("longer")));
  LockName fits = lock;
  fits.name.pop_back();
  EXPECT_THAT(pool_->locks().Acquire(fits, std::chrono::seconds(30), {"note", ""}), IsOk());
}

}  // namespace
}  // namespace rbdcrypt::rbd
