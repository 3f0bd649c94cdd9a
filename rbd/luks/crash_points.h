// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <string_view>

namespace rbdcrypt::rbd::luks {

// The crash points of this folder (base/crash_point.h), in the order in which a write-back passes
// them. write_back.h says what a crash at each leaves.
inline constexpr std::array<std::string_view, 7> kCrashPoints = {
    "header.first-claim",    // first sector of the first copy to be written, by compare-and-write
    "header.whole",          // a blank image only, and then the last: all the rest, flushed
    "header.keyslot-areas",  // areas of new keyslots, flushed; passed without any, too
    "header.first-copy",     // the rest of that copy, flushed and read back: the commit
    "header.second-claim",   // first sector of the other copy, by compare-and-write
    "header.second-copy",    // the rest of it, flushed
    "header.wipe",           // areas of dropped keyslots, flushed; passed without any, too
};

}  // namespace rbdcrypt::rbd::luks
