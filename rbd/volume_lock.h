// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/metrics.h"
#include "base/status.h"
#include "rbd/cluster.h"
#include "rbd/holder_record.h"

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

// The exclusive right to make, format, rotate, copy, expand or delete one volume, across processes,
// nodes and ceph-csi (safety G1, G2).
//
// Held until destruction. Expiry does not fence, so the lock and the record of who holds it (rbd/
// holder_record) are taken in one operation and released in one. Acquire() then shuts out everybody
// else who left a record, before it returns: whatever is read and written under the lock is safe
// from an earlier holder that was stopped and goes on. EnsureHeld() renews the lock and stands
// before every irreversible step. Work under it runs over a connection nobody else uses, so that
// being fenced takes nothing else down.
//
// A holder that died keeps RADOS's lock for up to 180 s. Its record shortens that: if it names an
// earlier life of this very process (same identity), or if its operation began over 40 s ago and
// its client no longer watches the image (a dead client's watch lasts 30 s), it is fenced and its
// lock broken at once. Fencing makes a wrong guess harmless: the shut-out holder can write nothing
// more. A holder without a record (ceph-csi) is waited for, and so is one of this process.
//
// An OSD learns of a fence with the first request of whoever fenced [measured: without one, one
// write in two still landed]. So everything that decides is read after Acquire(), and never
// before. One thread per object.
//
//   a crash after          left behind                      the next holder
//   lock.acquired          lock and record                  fences the record's addresses, goes on
//   lock.renewed           lock and record                  the same
//   lock.widened           lock and record                  fences the mapped device's client, too
//   lock.fenced            as before, client shut out       fences again, goes on
//   lock.broken            a fenced one's record            takes the lock, fences again, goes on
//   lock.holder-forgotten  own lock and record              as after lock.acquired
//   lock.released          nothing                          -
//   lock.object-removed    nothing                          -
class VolumeLock {
 public:
  struct Options {
    // Where fencing is not permitted to our user: for how long a foreign record must have been seen
    // by those who wait before its holder counts as gone.
    std::chrono::seconds orphan_grace{15 * 60};
    // Who we are across restarts: host, role and socket. "" is nobody's earlier life.
    std::string identity;
    // Which run of it: random per process, so that no two calls of one process fence each other.
    std::string process;
    // As ceph-csi has it; only a crash test takes less.
    std::chrono::seconds duration = kVolumeLockDuration;
    Metrics* metrics = nullptr;
  };

  // Where the lock is taken. `image_name`, which need not exist, is where a dead holder's watch is
  // looked for.
  struct Place {
    Connection& connection;
    Pool& pool;
    std::string volume_id;
    std::string image_name;
  };

  // kAborted: another operation on this volume holds it; or an earlier one cannot be fenced and has
  // not been waited for orphan_grace yet; retry. kFailedPrecondition: a record nobody can read.
  // kUnavailable: the cluster does not answer.
  static Result<std::unique_ptr<VolumeLock>> Acquire(const Context& context,
                                                     const Place& place,
                                                     const Options& options);

  // Tries to release; the lock runs out by itself where that fails.
  ~VolumeLock();
  VolumeLock(const VolumeLock&) = delete;
  VolumeLock& operator=(const VolumeLock&) = delete;

  // Renews the lock. kAborted: it was lost; stop at once, nothing may be written.
  Status EnsureHeld();

  // Lets whoever takes over fence these clients as well: those of a device that is written under
  // the lock. Before the first such write. kAborted: the lock was lost.
  Status AlsoFence(const std::vector<std::string>& addresses);

  // Destruction will leave lock and record as a process that dies does: the lock runs out by
  // itself, and whoever takes it then fences this connection first. For a write under the lock that
  // got no answer and may land late.
  void LeaveBehind() { held_ = false; }

  // Removes the RADOS object of the lock, and lock and record with it; nothing is held after it.
  // kAborted: the lock was lost.
  Status RemoveObject();

  const std::string& volume_id() const { return place_.volume_id; }

 private:
  VolumeLock(const Context& context, const Place& place, const Options& options);
  Status Introduce();
  Status TryTake();
  Result<bool> ReplaceDeadHolder();
  Result<bool> IsDead(const HolderRecord& record);
  Status FenceOthers();
  Status FenceOther(const FoundHolder& holder);
  Status Fence(const HolderRecord& record);
  Status CheckGrace(const FoundHolder& holder, const Status& refusal);
  std::int64_t NowUnixSeconds() const;

  const Context context_;
  const Place place_;
  const LockName name_;
  const Options options_;
  HolderRecord record_;
  LockNote note_;
  std::vector<std::string> fenced_;
  Clock::TimePoint renewed_at_;
  bool held_ = false;
};

}  // namespace rbdcrypt::rbd
