// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"
#include "base/status.h"

namespace rbdcrypt::vault {

// What is worth keeping between calls, by name. An object that nobody holds and nobody asked for in
// an hour is dropped, so that tenants and certificates of the past do not pile up. Thread safe.
template <typename T>
class KeyedCache {
 public:
  using Maker = std::function<Result<std::shared_ptr<T>>()>;

  // The object of `key`; made by `make` if there is none, which must not block: others wait.
  Result<std::shared_ptr<T>> Get(const Clock& clock, const std::string& key, const Maker& make) {
    const Clock::TimePoint now = clock.Now();
    absl::MutexLock lock(&mutex_);
    std::erase_if(items_, [&](const auto& item) {
      return item.second.object.use_count() == 1 && now - item.second.used > kIdle;
    });
    if (const auto found = items_.find(key); found != items_.end()) {
      found->second.used = now;
      return found->second.object;
    }
    ASSIGN_OR_RETURN(std::shared_ptr<T> made, make());
    items_[key] = {.object = made, .used = now};
    return made;
  }

  // Empties it.
  std::vector<std::shared_ptr<T>> TakeAll() {
    absl::MutexLock lock(&mutex_);
    std::vector<std::shared_ptr<T>> all;
    for (auto& [key, item] : items_) {
      all.push_back(std::move(item.object));
    }
    items_.clear();
    return all;
  }

 private:
  static constexpr std::chrono::hours kIdle = std::chrono::hours(1);

  struct Item {
    std::shared_ptr<T> object;
    Clock::TimePoint used;
  };

  absl::Mutex mutex_;
  std::map<std::string, Item> items_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::vault
