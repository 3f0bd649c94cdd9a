// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rbdcrypt {

// Length of a UUID in canonical form, 8-4-4-4-12 hexadecimal digits (RFC 4122, section 3).
inline constexpr std::size_t kUuidChars = 36;

// Whether `text` is a UUID in canonical form, of either case and any version.
bool IsUuid(std::string_view text);

// A random (version 4) UUID in lower case. Without randomness of the operating system it aborts:
// nothing here could go on.
std::string NewUuid();

}  // namespace rbdcrypt
