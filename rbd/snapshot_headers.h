// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "rbd/image_store.h"
#include "rbd/luks/memory_gate.h"

namespace rbdcrypt::rbd {

// The headers in an image's snapshots, which nobody can change any more: the DEK that one answers
// to is needed for as long as the snapshot is there (safety C).
class SnapshotHeaders {
 public:
  virtual ~SnapshotHeaders() = default;

  // The names of the snapshots whose header `known` does not open and, where `other` is not null,
  // `other` does. A snapshot without a LUKS header is never named; one whose header is damaged, if
  // `other` is null. Errors of opening and reading a snapshot and of luks::Header::TestPassphrase:
  // what could not be looked at is no "no".
  virtual Result<std::vector<std::string>> NotOpenedBy(const Context& context,
                                                       const Secret& known,
                                                       const Secret* other) = 0;
};

// Those of an image in a store. Snapshots with the same header are tested once. `keep_lock` is
// called before each: many of them take time, during which the volume lock is to be held; its
// errors end the call. One thread per object; all references must outlive it.
class RbdSnapshotHeaders final : public SnapshotHeaders {
 public:
  RbdSnapshotHeaders(ImageStore& images,
                     std::string image_name,
                     std::function<Status()> keep_lock,
                     luks::MemoryGate& gate = luks::MemoryGate::ForProcess());

  Result<std::vector<std::string>> NotOpenedBy(const Context& context,
                                               const Secret& known,
                                               const Secret* other) override;

 private:
  ImageStore& images_;
  const std::string image_name_;
  const std::function<Status()> keep_lock_;
  luks::MemoryGate& gate_;
};

}  // namespace rbdcrypt::rbd
