// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <string_view>

namespace rbdcrypt::csi {

// The crash points of this folder (base/crash_point.h), in the order in which a volume meets them.
// node_stage.h and node_publish.h say what a crash at each leaves.
inline constexpr auto kCrashPoints = std::to_array<std::string_view>({
    "node.intent",               // rbdcrypt-stage.json; again where another attacher was chosen
    "node.image-meta",           // image-meta.json
    "node.attached",             // the device
    "node.mkfs",                 // the file system, not yet marked "made"
    "node.mount-point",          // the directory or file in the staging path
    "node.mounted",              // file system or device at the staging path
    "node.grown",                // file system as large as its device
    "node.target",               // the directory or file at the target path
    "node.published",            // bind mount at the target path
    "node.unpublished",          // no mount at the target path
    "node.target-removed",       // no target path
    "node.unmounted",            // no mount at the staging path
    "node.mount-point-removed",  // no directory or file in it
    "node.detached",             // no device
    "node.records-removed",      // no records
});

}  // namespace rbdcrypt::csi
