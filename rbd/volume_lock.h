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
// image's metadata, then leaves our own addresses there; EndWriting() clears them. Work under it
// runs over a connection nobody else uses.
//
// A holder that died keeps RADOS's lock for up to 180 s. Its record shortens that: if it names an
// earlier life of this very process (same identity), or a client that no longer watches the image
// it was writing (30 s after its death), it is fenced and its lock broken at once. Fencing makes a
// wrong guess harmless: the shut-out holder can write nothing more. A holder without a record
// (ceph-csi) is waited for.
//
// An OSD learns of a fence with the first request of whoever fenced [measured: without one, one
// write in two still landed]. So everything that decides is read after BeginWriting(), and never
// before. One thread per object.
//
//   a crash after          left behind                 the next holder
//   lock.acquired          lock, at most 180 s         waits: kAborted, retried by the caller
//   lock.holder-record     lock and record             fences the record's addresses, goes on
//   lock.renewed           lock and record             fences the record's addresses, goes on
//   lock.fenced            as before, client shut out  fences again, goes on
//   lock.broken            record                      takes the lock, fences again, goes on
//   lock.record-cleared    lock, at most 180 s         waits
//   lock.released          nothing                     -
class VolumeLock {
 public:
  struct Options {
    // Where fencing is not permitted to our user: how long a foreign record must have been there.
    std::chrono::seconds orphan_grace{15 * 60};
    // Who we are across restarts: host, role and socket. "" is nobody's earlier life.
    std::string identity;
    // Which run of it: random per process, so that no two calls of one process fence each other.
    std::string process;
    // As ceph-csi has it; only a crash test takes less.
    std::chrono::seconds duration = kVolumeLockDuration;
    Metrics* metrics = nullptr;
  };

  // Where the lock is taken. `image_name` is where a dead holder's record is looked for.
  struct Place {
    Connection& connection;
    Pool& pool;
    std::string volume_id;
    std::string image_name;
  };

  // kAborted: another operation on this volume holds it; retry.
  static Result<std::unique_ptr<VolumeLock>> Acquire(const Context& context,
                                                     const Place& place,
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

  // Removes the RADOS object of the lock, and the lock with it: the last step of a delete.
  Status RemoveObject();

  const std::string& volume_id() const { return place_.volume_id; }

 private:
  VolumeLock(const Context& context, const Place& place, const Options& options);
  Status TryTake();
  Result<bool> ReplaceDeadHolder();
  Status FenceForeignHolder(Image& image);

  const Context context_;
  const Place place_;
  const LockName name_;
  const Options options_;
  Clock::TimePoint renewed_at_;
  bool held_ = false;
};

}  // namespace rbdcrypt::rbd
