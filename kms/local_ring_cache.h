// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/status.h"
#include "kms/local_ring_file.h"

namespace rbdcrypt::kms {

// Rings by path, read again as soon as their file is another: one stat() a call instead of a read
// and a check. A ring whose file became unreadable is not served from memory. Thread safe.
class LocalRingCache {
 public:
  // Errors are those of ReadRingFile().
  Result<std::shared_ptr<const LocalRing>> Get(const std::string& path);

 private:
  absl::Mutex mutex_;
  std::map<std::string, StampedRing, std::less<>> rings_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::kms
