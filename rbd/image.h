// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "rbd/luks/header_io.h"

namespace rbdcrypt::rbd {

// Somebody who has the image open. `address` is as `rbd status` prints it: "127.0.0.1:0/123456".
struct Watcher {
  std::string address;
  bool is_self = false;
};

// A range of the image.
struct Extent {
  std::uint64_t offset_bytes = 0;
  std::uint64_t length_bytes = 0;
};

// A snapshot of the image, one that RBD keeps for clones alone (in its trash namespace) included.
struct Snapshot {
  std::uint64_t id = 0;
  // Of one that is kept for clones, a random UUID.
  std::string name;
};

// One open RBD image: its bytes, its metadata, who else has it open.
//
// Real: rbd/librbd_image. Fake: tests/fakes/fake_image, which stops after its n-th write.
// One thread per object. Every call may also give kUnavailable (cluster slow or down), kNotFound
// (image gone) and kAborted (this client was fenced: ESHUTDOWN).
class Image : public luks::HeaderIo {
 public:
  // RBD's internal id, the journal's csi.imageid: "3ee7f9c1922985".
  virtual std::string Id() const = 0;

  // RBD_FEATURE_* bits.
  virtual Result<std::uint64_t> Features() = 0;

  // kNotFound: no such key. A value may be empty (ceph-csi's reads write empty ones).
  virtual Result<std::string> GetMetadata(std::string_view key) = 0;

  Status SetMetadata(std::string_view key, std::string_view value) {
    return SetAllMetadata({{std::string(key), std::string(value)}});
  }

  // Sets every pair in one operation: all of them or none. (In an image with the feature
  // journaling each is an operation of its own, in the order of the keys.)
  virtual Status SetAllMetadata(const std::map<std::string, std::string>& pairs) = 0;

  // Ok if it is not there.
  virtual Status RemoveMetadata(std::string_view key) = 0;
  virtual Result<std::map<std::string, std::string>> ListMetadata() = 0;

  // Without the clients that are on the blocklist, whether or not RADOS has dropped their watches.
  virtual Result<std::vector<Watcher>> Watchers() = 0;
  virtual Result<std::vector<Snapshot>> Snapshots() = 0;

  Result<bool> HasSnapshots() {
    ASSIGN_OR_RETURN(const std::vector<Snapshot> snapshots, Snapshots());
    return !snapshots.empty();
  }

  // The first allocated extent at or after `from_bytes`, or nothing where nobody ever wrote there;
  // zeros that were written count. The answer is exact as to whether and where it ends, within
  // objects too; it may begin earlier, at the object's start or `from_bytes`. Stops at the first.
  virtual Result<std::optional<Extent>> FirstExtentFrom(std::uint64_t from_bytes) = 0;

  // Grows the image. kOutOfRange: `size_bytes` is below the present size (safety D4: the raw size
  // of an image never falls).
  virtual Status Grow(std::uint64_t size_bytes) = 0;
};

}  // namespace rbdcrypt::rbd
