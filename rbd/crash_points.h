// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <string_view>

namespace rbdcrypt::rbd {

// The crash points of this folder (base/crash_point.h), in the order in which a volume meets them.
// journal.h, volume_lock.h, encrypted_volume.h and the flows say what a crash at each leaves.
inline constexpr auto kCrashPoints = std::to_array<std::string_view>({
    "create.directory-key",   // request name -> UUID, where it was absent
    "create.journal-object",  // all of the reservation, in one operation
    "create.image-id",        // the image's internal id, in the reservation
    "delete.directory-key",   // where it pointed at this volume
    "delete.journal-object",  // the last trace
});

}  // namespace rbdcrypt::rbd
