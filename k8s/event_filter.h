// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <utility>

#include "base/clock.h"
#include "k8s/objects.h"

namespace rbdcrypt::k8s {

// Something that happened to an object, for people who run `kubectl describe`.
struct Event {
  // apiVersion, kind, namespace ("" of what lives in none), name and uid.
  ObjectReference regarding = {};
  bool is_warning = false;
  // One word in CamelCase, at most 128 characters: "KeyRotated".
  std::string reason = {};
  // A sentence; cut at 1 KiB. Never a secret (safety E1).
  std::string message = {};
};

// The numbers are client-go's (tools/record/events_cache.go).
//
// Events about one object: 25 at once, then one every five minutes.
inline constexpr int kEventBurst = 25;
inline constexpr std::chrono::minutes kEventRefill(5);
// The same event again within this time is counted in the first one's object.
inline constexpr std::chrono::minutes kEventWindow(10);
// Objects, and events, that are remembered; the one that was used last goes last.
inline constexpr std::size_t kEventMemory = 4096;

// A map that forgets what was used the longest time ago when it has too many.
template <typename Key, typename Value>
class RecentMap {
 public:
  explicit RecentMap(std::size_t most) : most_(most) {}

  // The value, made anew where the key is not known; it is the most recent one now.
  Value& Touch(const Key& key) {
    const auto found = index_.find(key);
    if (found != index_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return entries_.front().second;
    }
    if (entries_.size() >= most_) {
      index_.erase(entries_.back().first);
      entries_.pop_back();
    }
    entries_.emplace_front(key, Value());
    index_[key] = entries_.begin();
    return entries_.front().second;
  }

  void Forget(const Key& key) {
    const auto found = index_.find(key);
    if (found != index_.end()) {
      entries_.erase(found->second);
      index_.erase(found);
    }
  }

  std::size_t size() const { return entries_.size(); }

 private:
  using Entries = std::list<std::pair<Key, Value>>;

  const std::size_t most_;
  Entries entries_;
  std::map<Key, typename Entries::iterator> index_;
};

// Decides what becomes of each event, so that a loop of errors fills neither etcd nor the eyes:
// client-go's spam filter and its counting of repetitions. Sans-I/O; one thread.
class EventFilter {
 public:
  explicit EventFilter(Clock& clock) : clock_(clock) {}

  // What to do with an event.
  struct Decision {
    enum class Action { kDrop, kCreate, kCount };

    Action action = Action::kDrop;
    // kCount: the name of the object whose count becomes `count`.
    std::string name = {};
    std::int64_t count = 1;
  };

  Decision Decide(const Event& event);

  // The event was created under this name: repetitions are counted there from now on.
  void Created(const Event& event, const std::string& name);

  // The object that it was counted in is gone: the next one is created.
  void Lost(const Event& event);

 private:
  // A full bucket of tokens as the time at which it is full again (the generic cell rate
  // algorithm), so that nothing is rounded.
  struct Bucket {
    Clock::TimePoint full_at = Clock::TimePoint::min();
  };

  struct Repeated {
    std::string name;
    std::int64_t count = 0;
    Clock::TimePoint last;
  };

  bool TakeToken(const Event& event);

  Clock& clock_;
  RecentMap<std::string, Bucket> buckets_{kEventMemory};
  RecentMap<std::string, Repeated> repeated_{kEventMemory};
};

}  // namespace rbdcrypt::k8s
