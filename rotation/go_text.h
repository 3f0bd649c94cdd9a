// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace rbdcrypt::rotation {

// Text as Go's standard library reads it: csi-addons, whose annotations and configuration we share,
// is written in Go. All views point into `text`.

// strings.TrimSpace: without leading and trailing white space, Unicode's included (a non-breaking
// space out of a web page, say).
std::string_view TrimGoSpace(std::string_view text);

// strings.Fields: what stands between runs of the same white space.
std::vector<std::string_view> GoFields(std::string_view text);

// strconv.Atoi: decimal digits behind an optional sign; nothing for anything else, an overflow of
// 64 bits included.
std::optional<std::int64_t> ParseGoInt(std::string_view text);

// time.ParseDuration: "1h30m", "-1.5h", ".5s", "0"; units ns, us (also with either Greek letter),
// ms, s, m and h. Nothing for anything else, an overflow of 63 bits included.
std::optional<std::chrono::nanoseconds> ParseGoDuration(std::string_view text);

}  // namespace rbdcrypt::rotation
