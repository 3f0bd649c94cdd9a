// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace rbdcrypt {

inline constexpr std::size_t kSha256Bytes = 32;

// The SHA-256 of `bytes` (FIPS 180-4), for sums and for telling things apart; never as a KDF.
std::array<std::byte, kSha256Bytes> Sha256(std::span<const std::byte> bytes);
std::array<std::byte, kSha256Bytes> Sha256(std::string_view text);

}  // namespace rbdcrypt
