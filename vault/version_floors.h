// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"

namespace rbdcrypt::vault {

// The versions of KV v2 secrets that this process wrote or saw of late: a read that answers an
// older one comes from a standby that lags (vault.md 4). Kept for a minute each: no standby lags
// longer, and a secret that somebody removed and made anew starts at 1 again. Thread safe.
class VersionFloors {
 public:
  // The version that a read of `key` must have at least; 0 where nothing is known.
  std::uint64_t Of(const Clock& clock, const std::string& key) const;

  // `version` exists.
  void Raise(const Clock& clock, const std::string& key, std::uint64_t version);

  // The secret is gone.
  void Forget(const std::string& key);

 private:
  struct Floor {
    std::uint64_t version = 0;
    Clock::TimePoint until;
  };

  mutable absl::Mutex mutex_;
  // When to look for what has passed its time: with each Raise() that would cost more than the
  // rest.
  Clock::TimePoint sweep_at_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Floor, std::less<>> floors_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::vault
