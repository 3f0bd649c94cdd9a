// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_kmip_keys.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace rbdcrypt::testing {

void FakeKmipKeys::Put(const std::string& id, FakeKmipKey key) {
  absl::MutexLock lock(&mutex_);
  keys_[id] = std::move(key);
}

std::string FakeKmipKeys::Add(FakeKmipKey key) {
  absl::MutexLock lock(&mutex_);
  std::string id = Cat("key-", ++added_);
  keys_[id] = std::move(key);
  return id;
}

std::optional<FakeKmipKey> FakeKmipKeys::Find(const std::string& id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = keys_.find(id);
  return found != keys_.end() ? std::optional(found->second) : std::nullopt;
}

void FakeKmipKeys::SetState(const std::string& id, kmip::State state) {
  absl::MutexLock lock(&mutex_);
  const auto found = keys_.find(id);
  RBDCRYPT_CHECK(found != keys_.end());
  found->second.state = state;
}

void FakeKmipKeys::Remove(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  keys_.erase(id);
}

std::vector<std::string> FakeKmipKeys::Named(const std::string& name) const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, key] : keys_) {
    if (name.empty() || key.name == name) {
      ids.push_back(id);
    }
  }
  return ids;
}

}  // namespace rbdcrypt::testing
