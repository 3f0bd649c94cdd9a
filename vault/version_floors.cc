// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/version_floors.h"

#include <algorithm>
#include <chrono>

namespace rbdcrypt::vault {
namespace {

constexpr std::chrono::minutes kKept = std::chrono::minutes(1);

}  // namespace

std::uint64_t VersionFloors::Of(const Clock& clock, const std::string& key) const {
  absl::MutexLock lock(&mutex_);
  const auto found = floors_.find(key);
  return found == floors_.end() || found->second.until < clock.Now() ? 0 : found->second.version;
}

void VersionFloors::Raise(const Clock& clock, const std::string& key, std::uint64_t version) {
  const Clock::TimePoint now = clock.Now();
  absl::MutexLock lock(&mutex_);
  if (now >= sweep_at_) {
    std::erase_if(floors_, [&](const auto& item) { return item.second.until < now; });
    sweep_at_ = now + kKept;
  }
  Floor& floor = floors_[key];
  floor.version = floor.until < now ? version : std::max(floor.version, version);
  floor.until = now + kKept;
}

void VersionFloors::Forget(const std::string& key) {
  absl::MutexLock lock(&mutex_);
  floors_.erase(key);
}

}  // namespace rbdcrypt::vault
