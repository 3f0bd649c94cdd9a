// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/metrics.h"
#include "base/status.h"
#include "rbd/cluster.h"

namespace rbdcrypt::rbd {

// How long the lock lasts without renewal: ceph-csi's rotation timeout of 150 s and 30 s more
// (ceph-csi-compat 5.11), kept so that both drivers exclude each other.
inline constexpr std::chrono::seconds kVolumeLockDuration{180};

// What must be left of it before an irreversible step (safety G1).
inline constexpr std::chrono::seconds kVolumeLockReserve{90};

// Longest lock name RADOS takes: osd_max_attr_name_len 100 less "lock." [measured on 16.2.15].
inline constexpr std::size_t kMaxLockNameBytes = 95;

// The lock of ceph-csi for this volume, or, where its name does not fit RADOS, the same with the
// UUID in place of the volume ID (ceph-csi-compat 5.11, Limit).
LockName VolumeLockName(std::string_view volume_id);

// The exclusive right to format, rotate, copy, expand or delete one volume, across processes, nodes
// and ceph-csi (safety G1, G2).
//
// Held until destruction or Release(). EnsureHeld() renews it and stands before every irreversible
// step. Expiry does not fence: BeginWriting() first shuts out whoever left a holder record in the
// image's metadata, then leaves our own addresses there; EndWriting() clears them. Does its work
// over a connection nobody else uses. One thread per object.
class VolumeLock {
 public:
  struct Options {
    // Where fencing is not permitted to our user: how long a foreign record must have been there.
    std::chrono::seconds orphan_grace{15 * 60};
    Metrics* metrics = nullptr;
  };

  // kAborted: another operation on this volume holds it; retry.
  static Result<std::unique_ptr<VolumeLock>> Acquire(const Context& context,
                                                     Connection& connection,
                                                     Pool& pool,
                                                     std::string_view volume_id,
                                                     const Options& options);

  // Tries to release; the lock runs out by itself where that fails.
  ~VolumeLock();
  VolumeLock(const VolumeLock&) = delete;
  VolumeLock& operator=(const VolumeLock&) = delete;

  // Renews the lock. kAborted: it was lost; stop at once, nothing may be written.
  Status EnsureHeld();

  // To be called once before the first write to `image`. Fences the holder that a record names.
  // kAborted: it cannot be fenced and its record is younger than orphan_grace.
  Status BeginWriting(Image& image);

  // Removes our record, after the last write.
  Status EndWriting(Image& image);

  const std::string& volume_id() const { return volume_id_; }

 private:
  VolumeLock(const Context& context,
             Connection& connection,
             Pool& pool,
             std::string_view volume_id,
             const Options& options);
  Status FenceForeignHolder(Image& image);

  const Context context_;
  Connection& connection_;
  Pool& pool_;
  std::string volume_id_;
  LockName name_;
  Options options_;
  Clock::TimePoint renewed_at_;
  bool held_ = false;
};

}  // namespace rbdcrypt::rbd
