// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include <vector>

#include "base/strings.h"
#include "tests/contract/ceph_contract.h"
#include "tests/fakes/fake_cluster.h"
#include "tests/support/fake_clock.h"

namespace rbdcrypt::testing {
namespace {

class FakeWorld final : public CephWorld {
 public:
  FakeWorld() { ceph_.AddNamespace(1, "contract"); }

  std::shared_ptr<rbd::Connection> Connect() override {
    processes_.push_back(ceph_.StartProcess());
    return *processes_.back()->Shared({}, {.user = "contract", .key = Secret()});
  }

  std::string NewName() override { return Cat("contract-", ++last_name_); }

  std::chrono::seconds LockDuration() override { return std::chrono::minutes(3); }

  void Pass(std::chrono::seconds time) override { clock_.Advance(time); }

  bool Eventually(const std::function<bool()>& condition) override { return condition(); }

  void TakeSnapshot(const std::string& image) override { ceph_.TakeSnapshot(image, "s"); }

 private:
  FakeClock clock_;
  FakeCeph ceph_{clock_};
  std::vector<std::unique_ptr<FakeProcess>> processes_;
  int last_name_ = 0;
};

CephCase Fake() {
  return {"fake", [] { return std::make_unique<FakeWorld>(); }};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Fake, CephContract, ::testing::Values(Fake()), CephContract::Name);
INSTANTIATE_TEST_SUITE_P(Fake, CephImageContract, ::testing::Values(Fake()), CephContract::Name);

}  // namespace rbdcrypt::testing
