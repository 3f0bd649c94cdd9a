// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <string_view>

namespace rbdcrypt::rbd {

// The crash points of this folder (base/crash_point.h), in the order in which a volume meets them.
// journal.h, volume_lock.h, encrypted_volume.h and the flows say what a crash at each leaves.
inline constexpr auto kCrashPoints = std::to_array<std::string_view>({
    "create.directory-key",     // request name -> UUID, where it was absent
    "create.journal-object",    // all of the reservation, in one operation
    "lock.acquired",            // the volume lock, and the record of who holds it
    "lock.renewed",             // 180 s more of it
    "lock.fenced",              // one address of an earlier holder
    "lock.broken",              // the lock of a dead holder
    "lock.holder-forgotten",    // the record of a fenced one
    "create.image",             // the RBD image
    "create.labels",            // PV, PVC and cluster name in its metadata, in one operation
    "create.image-id",          // the image's internal id, in the reservation
    "create.dek-announced",     // that one is sent, where the store cannot compare and set
    "create.dek",               // in the store, wrapped or as it is
    "create.state-prepared",    // "encryptionPrepared"; with the next where the image is new
    "create.header-uuid",       // of the header to come; then those of rbd/luks/crash_points.h
    "create.dek-settled",       // that it is stored and opens the header
    "create.state-encrypted",   // "encrypted"
    "lock.released",            // the volume lock and the record
    "lock.widened",             // the mapped device's client, in the record
    "stage.filesystem-making",  // "making", before mkfs
    "stage.filesystem-made",    // "made", after it
    "expand.image",             // its new size
    "replace.dek",              // a new DEK, and the replaced one as the previous
    "delete.image-to-trash",    // with delay 0
    "delete.dek",               // in the store, where that is not the image
    "delete.trash",             // the manager's task, or the removal itself
    "delete.directory-key",     // where it pointed at this volume
    "lock.object-removed",      // and the volume lock with it
    "delete.journal-object",    // the last trace
});

}  // namespace rbdcrypt::rbd
