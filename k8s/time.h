// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace rbdcrypt::k8s {

using WallTime = std::chrono::system_clock::time_point;

// As the API server writes a Time: "2026-01-31T12:00:00Z" (RFC 3339, UTC, seconds).
std::string FormatTime(WallTime time);

// As it writes a MicroTime, in a Lease: "2026-01-31T12:00:00.000000Z".
std::string FormatMicroTime(WallTime time);

// Any RFC 3339 time of the years 1970 to 2261, with fraction (to nanoseconds) and offset; or
// nothing. A second of 60 is taken as the next minute's first.
std::optional<WallTime> ParseTime(std::string_view text);

}  // namespace rbdcrypt::k8s
