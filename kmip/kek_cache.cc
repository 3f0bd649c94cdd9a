// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/kek_cache.h"

#include <algorithm>
#include <utility>

namespace rbdcrypt::kmip {

KekCache::KekCache(std::chrono::milliseconds lifetime) : lifetime_(lifetime) {}

KekCache::~KekCache() {
  std::thread dropper;
  {
    absl::MutexLock lock(&mutex_);
    is_ending_ = true;
    dropper = std::move(dropper_);
    changed_.SignalAll();
  }
  if (dropper.joinable()) {
    dropper.join();
  }
}

std::shared_ptr<const Secret> KekCache::Find(const std::string& key_id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = kept_.find(key_id);
  const bool is_there =
      found != kept_.end() && std::chrono::steady_clock::now() < found->second.until;
  return is_there ? found->second.kek : nullptr;
}

std::shared_ptr<const Secret> KekCache::Keep(const std::string& key_id, Secret kek) {
  auto shared = std::make_shared<const Secret>(std::move(kek));
  if (lifetime_ <= std::chrono::milliseconds::zero()) {
    return shared;
  }
  absl::MutexLock lock(&mutex_);
  kept_[key_id] = {.kek = shared, .until = std::chrono::steady_clock::now() + lifetime_};
  if (!dropper_.joinable()) {
    dropper_ = std::thread([this] { DropInTime(); });
  }
  changed_.SignalAll();
  return shared;
}

void KekCache::Clear() {
  absl::MutexLock lock(&mutex_);
  kept_.clear();
}

absl::Duration KekCache::UntilTheFirst() const {
  const auto first =
      std::ranges::min_element(kept_, {}, [](const auto& item) { return item.second.until; });
  return first == kept_.end()
             ? absl::InfiniteDuration()
             : absl::FromChrono(first->second.until - std::chrono::steady_clock::now());
}

void KekCache::DropInTime() {
  absl::MutexLock lock(&mutex_);
  while (!is_ending_) {
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(kept_, [&](const auto& item) { return item.second.until <= now; });
    changed_.WaitWithTimeout(&mutex_, UntilTheFirst());
  }
}

bool KekCache::WaitUntilEmptyForTest(std::chrono::milliseconds limit) const {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(this, &KekCache::IsEmpty),
                                 absl::FromChrono(limit));
}

}  // namespace rbdcrypt::kmip
