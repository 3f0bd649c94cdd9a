// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// The contract of a cluster, over a real one.
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "tests/contract/ceph_contract.h"
#include "tests/integration/real_ceph.h"

namespace rbdcrypt::testing {
namespace {

constexpr const char* kNamespaces[] = {"", "contract"};

class RealWorld final : public CephWorld {
 public:
  explicit RealWorld(const RealCeph& ceph) : ceph_(ceph), connection_(ceph_.Connect()) {}

  ~RealWorld() override {
    for (const char* name : kNamespaces) {
      CleanUp(name);
    }
  }

  std::shared_ptr<rbd::Connection> Connect() override { return ceph_.Connect(); }

  std::string NewName() override {
    names_.push_back(UniqueName("contract"));
    return names_.back();
  }

  std::chrono::seconds LockDuration() override { return std::chrono::seconds(3); }

  void Pass(std::chrono::seconds time) override { std::this_thread::sleep_for(time); }

  bool Eventually(const std::function<bool()>& condition) override {
    return testing::Eventually(std::chrono::seconds(30), condition);
  }

  void TakeSnapshot(const std::string& image) override {
    RealCeph::Admin(Cat("rbd snap create --no-progress rbd/", image, "@contract"));
    snapshots_of_ = image;
  }

 private:
  bool IsOurs(const std::string& name) const {
    return std::any_of(names_.begin(), names_.end(), [&name](const std::string& ours) {
      return std::string_view(name).starts_with(ours);
    });
  }

  void CleanUp(const char* rados_namespace) {
    if (rados_namespace[0] == '\0' && !snapshots_of_.empty()) {
      RealCeph::Admin(Cat("rbd snap purge --no-progress rbd/", snapshots_of_));
    }
    const auto pool = *connection_->OpenPool("rbd", rados_namespace);
    const std::vector<std::string> images = *pool->images().List();
    for (const std::string& image : images) {
      if (IsOurs(image)) {
        EXPECT_THAT(pool->images().MoveToTrash(image), IsOk());
      }
    }
    const std::vector<rbd::TrashEntry> trash = *pool->images().ListTrash();
    for (const rbd::TrashEntry& entry : trash) {
      if (IsOurs(entry.name)) {
        EXPECT_THAT(pool->images().PurgeFromTrash(entry.id), IsOk());
      }
    }
    for (const std::string& name : names_) {
      const std::vector<std::string> objects = *pool->omap().ListObjects(name);
      for (const std::string& object : objects) {
        EXPECT_THAT(pool->omap().RemoveObject(object), IsOk());
      }
    }
  }

  const RealCeph ceph_;
  const std::unique_ptr<rbd::Connection> connection_;
  std::vector<std::string> names_;
  std::string snapshots_of_;
};

// None where there is no cluster, so that no case of the contract is counted as run.
std::vector<CephCase> Real() {
  const std::optional<RealCeph> ceph = RealCeph::FromEnvironment();
  if (!ceph.has_value()) {
    return {};
  }
  RealCeph::Admin("rbd namespace ls rbd | grep -qw contract || rbd namespace create rbd/contract");
  return {CephCase{"real", [ceph] { return std::make_unique<RealWorld>(*ceph); }}};
}

TEST(CephContractReal, HasClusterToRunOver) {
  if (!RealCeph::FromEnvironment().has_value()) {
    GTEST_SKIP() << RealCeph::WhyAbsent();
  }
}

}  // namespace

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(CephContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(CephImageContract);
INSTANTIATE_TEST_SUITE_P(Real, CephContract, ::testing::ValuesIn(Real()), CephContract::Name);
INSTANTIATE_TEST_SUITE_P(Real, CephImageContract, ::testing::ValuesIn(Real()), CephContract::Name);

}  // namespace rbdcrypt::testing
