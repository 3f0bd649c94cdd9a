// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "rbd/lock_table.h"
#include "rbd/rados_client.h"

namespace rbdcrypt::rbd {

// LockTable on the OSDs' lock class, the one that ceph-csi's volume lock uses.
class RadosLockTable final : public LockTable {
 public:
  explicit RadosLockTable(std::shared_ptr<RadosPool> pool) : pool_(std::move(pool)) {}

  Status Acquire(const LockName& lock,
                 std::chrono::seconds duration,
                 const LockNote& note) override;
  Status Renew(const LockName& lock, std::chrono::seconds duration) override;
  Status Release(const LockName& lock, std::string_view note_key) override;
  Result<std::optional<LockHolder>> Holder(const LockName& lock) override;
  Status Break(const LockName& lock, const LockHolder& holder) override;

 private:
  std::shared_ptr<RadosPool> pool_;
};

// Everyone who holds lock `name` of `object`, expired ones left out; nobody where there is no such
// object. More than one only for shared locks.
Result<std::vector<LockHolder>> ListLockHolders(const RadosPool& pool,
                                                std::string_view object,
                                                std::string_view name);

}  // namespace rbdcrypt::rbd
