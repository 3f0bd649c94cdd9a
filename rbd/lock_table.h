// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace rbdcrypt::rbd {

// What names one exclusive RADOS lock (rados_lock_exclusive).
struct LockName {
  std::string object;
  std::string name;
  std::string cookie;
  std::string description;
};

// An omap entry of the lock's object that stands and falls with the lock.
struct LockNote {
  std::string key;
  std::string value;
};

// Who holds a lock.
struct LockHolder {
  // "client.4123".
  std::string client;
  std::string cookie;
  // As Connection::Blocklist takes it.
  std::string address;
};

// The advisory locks of the RADOS objects of one pool and namespace. Thread safe. Real: rbd/
// rados_lock_table. Fake: tests/fakes. Every call may also give kUnavailable and kAborted (fenced).
class LockTable {
 public:
  virtual ~LockTable() = default;

  // Takes the lock until `duration` from now, by the OSD's clock, and sets `note` in the same
  // operation; the object is made if need be and never removed. kAborted: somebody holds it, this
  // client included (EBUSY, EEXIST); nothing was changed. kInvalidArgument: `lock.name` is longer
  // than RADOS takes (95 characters by default).
  virtual Status Acquire(const LockName& lock,
                         std::chrono::seconds duration,
                         const LockNote& note) = 0;

  // Begins `duration` anew (LOCK_FLAG_MUST_RENEW). kAborted: this client no longer holds it.
  virtual Status Renew(const LockName& lock, std::chrono::seconds duration) = 0;

  // Releases the lock and removes the note of that key in the same operation. Where this client
  // does not hold the lock only the note is removed; ok if nothing is there.
  virtual Status Release(const LockName& lock, std::string_view note_key) = 0;

  // Nobody, or the one who holds it now.
  virtual Result<std::optional<LockHolder>> Holder(const LockName& lock) = 0;

  // Takes the lock away from `holder`, who was fenced before. Ok if it does not hold it.
  virtual Status Break(const LockName& lock, const LockHolder& holder) = 0;
};

}  // namespace rbdcrypt::rbd
