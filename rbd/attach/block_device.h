// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace rbdcrypt::rbd::attach {

// What is asked of a device before its use. Each call opens `path`, a block device or a file, on
// its own; kNotFound where there is none. Errors of reading are kUnavailable, never "empty" (safety
// A4).

// In bytes.
Result<std::uint64_t> DeviceSize(const std::string& path);

// Whether one of the two places of a LUKS header holds its magic: byte 0, or, for the second copy
// of LUKS2, the offsets from 16 KiB to 4 MiB (LUKS2 on-disk format 1.1.1, section 2.3).
Result<bool> HasLuksMagic(const std::string& path);

// A volume meant to be plain that has a LUKS header is kFailedPrecondition (safety A5).
Status RefusePlainUseOfLuks(const std::string& path);

// Whether the device behind the node answers at all: reads its first sector past the page cache.
// Dead is only what says so itself: ENXIO or ENODEV of the opening, and of the reading these, EIO,
// ENOTCONN and ESHUTDOWN. Any other failure, as for want of a file descriptor, is an error.
Result<bool> IsAlive(const std::string& path);

}  // namespace rbdcrypt::rbd::attach
