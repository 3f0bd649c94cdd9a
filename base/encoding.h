// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt {

// Lower-case hexadecimal, two characters a byte.
std::string HexEncode(std::span<const std::byte> bytes);

// Either case; kInvalidArgument on odd length or another character.
Result<std::vector<std::byte>> HexDecode(std::string_view text);

// Lower-case, zero-padded to `digits` (1 to 16), as the fields of a CSI volume ID are written.
std::string HexUint(std::uint64_t value, int digits);

// The value of 1 to 16 hexadecimal digits of either case, or nothing.
std::optional<std::uint64_t> ParseHexUint(std::string_view text);

// RFC 4648 section 4, padded; for what is no secret (wrapped keys, nonces).
std::string Base64Encode(std::span<const std::byte> bytes);

// Padded standard alphabet; kInvalidArgument on anything else, white space included.
Result<std::vector<std::byte>> Base64Decode(std::string_view text);

// RFC 4648 section 5 ("URL safe"), padded: the text form of a DEK (ceph-csi: 20 bytes, 28
// characters). Constant time, and secret in, secret out.
Secret Base64UrlEncode(const Secret& bytes);

}  // namespace rbdcrypt
