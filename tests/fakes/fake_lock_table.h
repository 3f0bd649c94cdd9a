// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "rbd/lock_table.h"
#include "tests/fakes/fake_seat.h"

namespace rbdcrypt::testing {

// The locks of a FakeCeph. They run out by its clock; a duration of 0 never does.
class FakeLockTable final : public rbd::LockTable {
 public:
  explicit FakeLockTable(FakeSeat seat) : seat_(std::move(seat)) {}

  Status Acquire(const rbd::LockName& lock,
                 std::chrono::seconds duration,
                 const rbd::LockNote& note) override;
  Status Renew(const rbd::LockName& lock, std::chrono::seconds duration) override;
  Status Release(const rbd::LockName& lock, std::string_view note_key) override;
  Result<std::optional<rbd::LockHolder>> Holder(const rbd::LockName& lock) override;
  Status Break(const rbd::LockName& lock, const rbd::LockHolder& holder) override;

 private:
  // The lock if somebody holds it now.
  FakeLock* Find(FakeSpace& space, const rbd::LockName& lock) const;
  FakeLock New(const rbd::LockName& lock, std::chrono::seconds duration) const;

  const FakeSeat seat_;
};

}  // namespace rbdcrypt::testing
