// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/keyed_lock.h"

#include <utility>

#include "base/strings.h"

namespace rbdcrypt {

KeyedLock::Hold::Hold(KeyedLock* owner, std::string key) : owner_(owner), key_(std::move(key)) {}

KeyedLock::Hold::Hold(Hold&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), key_(std::move(other.key_)) {}

KeyedLock::Hold::~Hold() {
  if (owner_ != nullptr) {
    owner_->Release(key_);
  }
}

Result<KeyedLock::Hold> KeyedLock::TryLock(std::string_view key, std::string_view what) {
  std::string name(key);
  absl::MutexLock lock(&mutex_);
  if (!held_.insert(name).second) {
    return Aborted(Cat("an operation on ", what, " is already running; try again when it ended"));
  }
  return Hold(this, std::move(name));
}

void KeyedLock::Release(const std::string& key) {
  absl::MutexLock lock(&mutex_);
  held_.erase(key);
}

}  // namespace rbdcrypt
