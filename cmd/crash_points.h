// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string_view>
#include <vector>

namespace rbdcrypt::cmd {

// The named crash points of all folders (base/crash_point.h), in the order of the layers. What
// `rbdcrypt crash-points` prints, one a line, in a build that has them.
std::vector<std::string_view> AllCrashPoints();

}  // namespace rbdcrypt::cmd
