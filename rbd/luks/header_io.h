// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"

namespace rbdcrypt::rbd::luks {

// The byte range that holds a LUKS header: what rbd::Image offers of itself to this folder.
//
// Reads past written data give zeros, as an RBD image does. No call caches (safety G3: header I/O
// runs with rbd_cache=false). One thread per object. Errors are those of the image below; a
// reading error never means "empty" (safety A4).
class HeaderIo {
 public:
  // What compare-and-write covers, aligned to itself: librbd 16.2 compares exactly 512 aligned
  // bytes and takes an absent object as zeros [measured].
  static constexpr std::size_t kSectorBytes = 512;

  virtual ~HeaderIo() = default;

  // As it is now: another client may have grown it.
  virtual Result<std::uint64_t> SizeBytes() = 0;

  // Fills all of `out`. kOutOfRange: beyond the end.
  virtual Status Read(std::uint64_t offset_bytes, std::span<std::byte> out) = 0;

  virtual Status Write(std::uint64_t offset_bytes, std::span<const std::byte> data) = 0;

  // Everything written before is durable after.
  virtual Status Flush() = 0;

  // Writes `desired` if the sector holds `expected`, atomically against every client of the image.
  // kAborted: it holds something else; nothing was written.
  virtual Status CompareAndWrite(std::uint64_t offset_bytes,
                                 std::span<const std::byte, kSectorBytes> expected,
                                 std::span<const std::byte, kSectorBytes> desired) = 0;
};

}  // namespace rbdcrypt::rbd::luks
