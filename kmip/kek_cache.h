// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include "base/secret.h"

namespace rbdcrypt::kmip {

// KEKs that were fetched to be used here (Get and a cipher of our own), for as long as an entry
// allows (KEK_CACHE_SECONDS). Where it allows none, nothing is kept at all.
//
// A thread, begun with the first KEK, drops each when its time is over, though nobody asks for it;
// who uses one at that moment holds it until it is done. Goes by real time. Thread safe.
class KekCache {
 public:
  explicit KekCache(std::chrono::milliseconds lifetime);
  ~KekCache();
  KekCache(const KekCache&) = delete;
  KekCache& operator=(const KekCache&) = delete;

  // Null where it is not kept.
  std::shared_ptr<const Secret> Find(const std::string& key_id) const;

  // Keeps `kek` in place of one of that name, and returns it for use now.
  std::shared_ptr<const Secret> Keep(const std::string& key_id, Secret kek);

  // Drops all.
  void Clear();

  // Whether all were dropped within `limit`.
  bool WaitUntilEmptyForTest(std::chrono::milliseconds limit) const;

 private:
  struct Kept {
    std::shared_ptr<const Secret> kek;
    std::chrono::steady_clock::time_point until;
  };

  void DropInTime();
  // How long until the first of them is over; for ever if there is none.
  absl::Duration UntilTheFirst() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  bool IsEmpty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return kept_.empty(); }

  const std::chrono::milliseconds lifetime_;
  mutable absl::Mutex mutex_;
  absl::CondVar changed_;
  std::map<std::string, Kept> kept_ ABSL_GUARDED_BY(mutex_);
  bool is_ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread dropper_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::kmip
