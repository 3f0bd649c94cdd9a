// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rbd/cluster.h"
#include "tests/fakes/fake_cluster.h"
#include "tests/fakes/fake_image_store.h"
#include "tests/fakes/fake_lock_table.h"
#include "tests/fakes/fake_omap.h"

namespace rbdcrypt::testing {

// One pool and namespace of a FakeCeph as one client sees it.
class FakePool final : public rbd::Pool {
 public:
  FakePool(const FakeSeat& seat, std::string name);

  const std::string& name() const override { return name_; }

  const std::string& rados_namespace() const override { return seat_.rados_namespace; }

  std::int64_t id() const override { return seat_.pool_id; }

  rbd::ImageStore& images() override { return images_; }

  rbd::Omap& omap() override { return omap_; }

  rbd::LockTable& locks() override { return locks_; }

 private:
  const FakeSeat seat_;
  const std::string name_;
  FakeImageStore images_;
  FakeOmap omap_;
  FakeLockTable locks_;
};

// One client of a FakeCeph.
class FakeConnection final : public rbd::Connection {
 public:
  FakeConnection(FakeCeph& ceph, std::shared_ptr<const FakeClient> client)
      : ceph_(ceph), client_(std::move(client)) {}

  Result<std::unique_ptr<rbd::Pool>> OpenPool(std::string_view name,
                                              std::string_view rados_namespace) override;
  Result<std::string> PoolName(std::int64_t pool_id) override;
  Result<std::int64_t> PoolId(std::string_view name) override;
  Result<std::vector<std::string>> PoolNames() override;
  Result<std::vector<std::string>> NamespacesOf(std::string_view pool) override;
  Result<std::string> Fsid() override;
  Result<std::vector<std::string>> OwnAddresses() override;
  Status Blocklist(std::string_view address, std::chrono::seconds duration) override;

  bool IsFenced() override { return ceph_.IsFenced(*client_); }

 private:
  FakeCeph& ceph_;
  const std::shared_ptr<const FakeClient> client_;
};

}  // namespace rbdcrypt::testing
