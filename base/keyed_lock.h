// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <set>
#include <string>
#include <string_view>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/status.h"

namespace rbdcrypt {

// One holder per key, never waiting: the loser of two calls for a volume answers kAborted, as CSI
// wants it.
//
// Thread safe; must outlive its holds. Knows of this process only: other processes are kept apart
// by rbd/volume_lock. Keeps nothing of keys that nobody holds. Not recursive: its holder, too, is
// refused a second time.
//
//   ASSIGN_OR_RETURN(const KeyedLock::Hold hold, locks.TryLock(volume_id, "volume " + volume_id));
class KeyedLock {
 public:
  // The right to one key; releases it on destruction, by whichever thread. Moved from it holds
  // nothing.
  class Hold {
   public:
    Hold(Hold&& other) noexcept;
    Hold& operator=(Hold&&) = delete;
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold();

   private:
    friend class KeyedLock;
    Hold(KeyedLock* owner, std::string key);
    KeyedLock* owner_;
    std::string key_;
  };

  // Takes `key` or answers at once. kAborted: somebody holds it; the text says so in the words of
  // `what` ("volume 0001-…").
  Result<Hold> TryLock(std::string_view key, std::string_view what);

 private:
  void Release(const std::string& key);

  absl::Mutex mutex_;
  std::set<std::string> held_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt
