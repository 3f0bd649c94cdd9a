// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/connections.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::FakeClock;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::StatusIs;

constexpr std::chrono::minutes kMinute{1};

// What became of the connections of one test.
struct Ledger {
  int connects = 0;
  std::set<int> open;
  std::set<int> fenced;
  Status next_error;
};

// A connection that can be open, closed and fenced, and nothing else.
class NumberedConnection final : public Connection {
 public:
  NumberedConnection(Ledger& ledger, int number) : ledger_(ledger), number_(number) {
    ledger_.open.insert(number_);
  }

  ~NumberedConnection() override { ledger_.open.erase(number_); }

  Result<std::unique_ptr<Pool>> OpenPool(std::string_view, std::string_view) override {
    return Unimplemented("pools");
  }

  Result<std::string> PoolName(std::int64_t) override { return Unimplemented("pools"); }

  Result<std::int64_t> PoolId(std::string_view) override { return Unimplemented("pools"); }

  Result<std::vector<std::string>> PoolNames() override { return Unimplemented("pools"); }

  Result<std::vector<std::string>> NamespacesOf(std::string_view) override {
    return Unimplemented("pools");
  }

  // Tells the connections apart.
  Result<std::string> Fsid() override { return Unavailable("no cluster"); }

  Result<std::vector<std::string>> OwnAddresses() override {
    return std::vector<std::string>{std::to_string(number_)};
  }

  Status Blocklist(std::string_view, std::chrono::seconds) override {
    return Unimplemented("blocklists");
  }

  bool IsFenced() override { return ledger_.fenced.contains(number_); }

 private:
  Ledger& ledger_;
  const int number_;
};

class ConnectionsTest : public ::testing::Test {
 protected:
  static ClusterAddress Cluster(std::vector<std::string> monitors = {"a:6789", "b:6789"}) {
    return {.monitors = std::move(monitors)};
  }

  static Credentials User(std::string name = "csi", std::string_view key = "key") {
    return {.user = std::move(name), .key = Secret(key)};
  }

  static int Number(const std::shared_ptr<Connection>& connection) {
    return std::stoi(connection->OwnAddresses()->front());
  }

  FakeClock clock_;
  Ledger ledger_;
  Connections source_{clock_,
                      [this](const auto&, const auto&) -> Result<std::unique_ptr<Connection>> {
                        if (!ledger_.next_error.ok()) {
                          return ledger_.next_error;
                        }
                        return std::make_unique<NumberedConnection>(ledger_, ++ledger_.connects);
                      }};
};

TEST_F(ConnectionsTest, SharedIsOneForSameClusterUserAndKey) {
  const auto first = *source_.Shared(Cluster({"a:6789", "b:6789"}), User());
  const auto second = *source_.Shared(Cluster({"b:6789", "a:6789"}), User());
  EXPECT_EQ(first, second);
  EXPECT_EQ(ledger_.connects, 1);
}

TEST_F(ConnectionsTest, SharedIsAnotherForOtherClusterUserOrKey) {
  std::set<std::shared_ptr<Connection>> different;
  different.insert(*source_.Shared(Cluster(), User()));
  different.insert(*source_.Shared(Cluster({"a:6789"}), User()));
  different.insert(*source_.Shared(Cluster(), User("other")));
  different.insert(*source_.Shared(Cluster(), User("csi", "other key")));
  EXPECT_EQ(different.size(), 4U);
}

TEST_F(ConnectionsTest, SharedThatWasFencedIsReplaced) {
  const auto fenced = *source_.Shared(Cluster(), User());
  ledger_.fenced.insert(Number(fenced));
  const auto replaced = *source_.Shared(Cluster(), User());
  EXPECT_NE(replaced, fenced);
  EXPECT_EQ(*source_.Shared(Cluster(), User()), replaced);
}

TEST_F(ConnectionsTest, SharedIsKeptForTenMinutesWithoutUse) {
  const int first = Number(*source_.Shared(Cluster(), User()));
  clock_.Advance(9 * kMinute);
  EXPECT_EQ(Number(*source_.Shared(Cluster(), User())), first);
  clock_.Advance(9 * kMinute);
  source_.CloseIdle();
  EXPECT_TRUE(ledger_.open.contains(first));
  clock_.Advance(1 * kMinute);
  source_.CloseIdle();
  EXPECT_TRUE(ledger_.open.empty());
}

TEST_F(ConnectionsTest, SharedInUseIsNotIdle) {
  auto used = *source_.Shared(Cluster(), User());
  clock_.Advance(60 * kMinute);
  source_.CloseIdle();
  EXPECT_EQ(*source_.Shared(Cluster(), User()), used);
  used.reset();
  clock_.Advance(10 * kMinute);
  source_.CloseIdle();
  EXPECT_TRUE(ledger_.open.empty());
}

TEST_F(ConnectionsTest, ExclusiveIsNobodyElses) {
  const auto shared = *source_.Shared(Cluster(), User());
  const auto first = *source_.Exclusive(Cluster(), User());
  const auto second = *source_.Exclusive(Cluster(), User());
  EXPECT_EQ(std::set<int>({Number(shared), Number(first), Number(second)}).size(), 3U);
}

TEST_F(ConnectionsTest, ExclusiveIsReusedAfterReturn) {
  const int first = Number(*source_.Exclusive(Cluster(), User()));
  EXPECT_EQ(Number(*source_.Exclusive(Cluster(), User())), first);
  EXPECT_NE(Number(*source_.Exclusive(Cluster(), User("other"))), first);
  EXPECT_EQ(ledger_.connects, 2);
}

TEST_F(ConnectionsTest, ExclusiveThatWasFencedIsClosedAndReplaced) {
  const int first = Number(*source_.Exclusive(Cluster(), User()));
  ledger_.fenced.insert(first);
  const auto lease = *source_.Exclusive(Cluster(), User());
  EXPECT_NE(Number(lease), first);
  EXPECT_FALSE(ledger_.open.contains(first));
}

TEST_F(ConnectionsTest, ExclusiveIsClosedAfterTenIdleMinutes) {
  auto long_lease = *source_.Exclusive(Cluster(), User());
  const int kept = Number(long_lease);
  const int returned = Number(*source_.Exclusive(Cluster(), User()));
  clock_.Advance(10 * kMinute);
  source_.CloseIdle();
  EXPECT_FALSE(ledger_.open.contains(returned));
  EXPECT_TRUE(ledger_.open.contains(kept));
  // Its ten minutes begin with its return.
  long_lease.reset();
  clock_.Advance(9 * kMinute);
  EXPECT_EQ(Number(*source_.Exclusive(Cluster(), User())), kept);
}

TEST_F(ConnectionsTest, FailedConnectIsNotRemembered) {
  ledger_.next_error = Unavailable("no monitor answers");
  EXPECT_THAT(source_.Shared(Cluster(), User()), StatusIs(Code::kUnavailable));
  EXPECT_THAT(source_.Exclusive(Cluster(), User()), StatusIs(Code::kUnavailable));
  ledger_.next_error = OkStatus();
  EXPECT_THAT(source_.Shared(Cluster(), User()), IsOk());
  EXPECT_THAT(source_.Exclusive(Cluster(), User()), IsOk());
}

}  // namespace
}  // namespace rbdcrypt::rbd
