// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "kms/local_ring.h"

namespace rbdcrypt::kms {

// A ring in a file: read with suspicion, written whole or not at all.
//
// Reading refuses a file that its group or others may access, or that belongs to neither this
// user nor root. Writing goes through a temporary file of mode 0600 beside it: write, fsync,
// rename (or link, where the file must be new), fsync of the folder. So a crash leaves the old
// ring or the new one; a leftover temporary file is removed by the next write. Writers exclude each
// other by flock on "PATH.lock"; even where that lock does nothing (some network file systems), two
// creators cannot both win, because link() takes an absent name only.
//
// Errors of every call, with the path in the text:
//   kUnavailable       no such file, or it cannot be read now. Not kInvalidArgument, since the
//                      entry may be right and the folder not mounted yet, and retrying heals that;
//                      not kNotFound, which would say "this volume has no key" and invite a new
//                      one.
//   kInvalidArgument   others may read it, or it is no ring at all: mend the entry or the mode
//   kPermissionDenied  this process may not
//   kDataLoss, kUnimplemented   as LocalRing::Parse says

// Which state of the file a ring was read from: every write gives another inode, and what could be
// changed in place within one tick of the file system's clock is compared itself.
struct RingFileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint32_t mode = 0;
  std::uint32_t owner = 0;
  std::int64_t size_bytes = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;

  friend bool operator==(const RingFileStamp&, const RingFileStamp&) = default;
};

struct StampedRing {
  std::shared_ptr<const LocalRing> ring;
  RingFileStamp stamp;
};

Result<StampedRing> ReadRingFile(const std::string& path);

// The stamp alone, without opening the file.
Result<RingFileStamp> StampRingFile(const std::string& path);

// Makes a new ring of one key where there is no file. Of two processes that try at once exactly
// one succeeds. kAlreadyExists: there is a file, whatever it holds; untouched. kAborted: another
// process is writing; try again.
Status CreateRingFile(const std::string& path,
                      int key_bits,
                      std::chrono::system_clock::time_point now);

// Reads the ring, lets `edit` change it, and replaces the file; an error of `edit` is returned and
// changes nothing. Durable when it returns. kAborted: another process is writing; try again.
Status UpdateRingFile(const std::string& path, const std::function<Status(LocalRing&)>& edit);

}  // namespace rbdcrypt::kms
