// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <string_view>

namespace rbdcrypt::rotation {

// The crash points of this folder (base/crash_point.h), in the order in which a rotation meets
// them. dek_rotation.h says what a crash at each leaves.
inline constexpr auto kCrashPoints = std::to_array<std::string_view>({
    "rotation.unexplained-seen",   // when a keyslot that no stored DEK explains was first seen
    "rotation.store-fenced",       // the current DEK once more, so that older writes fail
    "rotation.dek-announced",      // that one is sent, where the store cannot compare and set
    "rotation.previous-restored",  // the previous DEK as the current one, for the header needs it
    "rotation.begun",              // time and fingerprint of the keyslot to come
    "rotation.keyslot-added",      // after all of rbd/luks/crash_points.h
    "rotation.dek-stored",         // the new DEK as the current one
    "rotation.keyslot-dropped",    // likewise: an old, a second or an unexplained one
    "rotation.recorded",           // when the DEK was made and the rotation ended
    "rotation.ended",              // what "begun" left
    "rotation.previous-removed",   // where no previous DEK is to be kept
});

}  // namespace rbdcrypt::rotation
