// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"
#include "base/status.h"

namespace rbdcrypt {

// What is worth keeping between calls, by name. An object that nobody holds and nobody asked for in
// an hour is dropped, so that tenants and certificates of the past do not pile up. Thread safe.
template <typename T>
class KeyedCache {
 public:
  using Maker = std::function<Result<std::shared_ptr<T>>()>;

  // The object of `key`; made by `make` if there is none, which must not block: others wait.
  Result<std::shared_ptr<T>> Get(const Clock& clock, const std::string& key, const Maker& make) {
    const Clock::TimePoint now = clock.Now();
    // Destroyed after the lock: a connection takes its time to close.
    std::vector<std::shared_ptr<T>> dropped;
    absl::MutexLock lock(&mutex_);
    for (auto it = items_.begin(); it != items_.end();) {
      const bool is_idle = it->second.object.use_count() == 1 && now - it->second.used > kIdle;
      if (is_idle) {
        dropped.push_back(std::move(it->second.object));
      }
      it = is_idle ? items_.erase(it) : std::next(it);
    }
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

}  // namespace rbdcrypt
