// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace rbdcrypt::kmip {

// A version of the protocol: 1.4.
struct Version {
  std::int32_t major = 1;
  std::int32_t minor = 4;

  auto operator<=>(const Version&) const = default;

  // "1.4".
  std::string Text() const;
};

// Those that this client speaks, newest first: 2.1, 2.0, 1.4, 1.3, 1.2, 1.1, 1.0 (kmip.md 6).
const std::vector<Version>& KnownVersions();

}  // namespace rbdcrypt::kmip
