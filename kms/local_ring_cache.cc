// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/local_ring_cache.h"

namespace rbdcrypt::kms {

Result<std::shared_ptr<const LocalRing>> LocalRingCache::Get(const std::string& path) {
  ASSIGN_OR_RETURN(const RingFileStamp stamp, StampRingFile(path));
  {
    absl::MutexLock lock(&mutex_);
    const auto found = rings_.find(path);
    if (found != rings_.end() && found->second.stamp == stamp) {
      return found->second.ring;
    }
  }
  ASSIGN_OR_RETURN(const StampedRing read, ReadRingFile(path));
  absl::MutexLock lock(&mutex_);
  rings_.insert_or_assign(path, read);
  return read.ring;
}

}  // namespace rbdcrypt::kms
