// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/status.h"

namespace rbdcrypt::rbd::luks {

// The binary half of one LUKS2 header copy, as bytes. Integers are big-endian, texts end in NUL.
// Source: LUKS2 On-Disk Format Specification 1.1.x, section 2.1 "Binary Header".
//
// | offset | size | field                                                                      |
// |--------|------|----------------------------------------------------------------------------|
// |      0 |    6 | magic: "LUKS" ba be in the first copy, "SKUL" ba be in the second          |
// |      6 |    2 | version: 2 (1 is LUKS1, whose other fields differ)                         |
// |      8 |    8 | bytes of this copy, JSON area included: 16 KiB to 4 MiB, a power of two    |
// |     16 |    8 | sequence number, one more with each update                                 |
// |     24 |   48 | label                                                                      |
// |     72 |   32 | name of the checksum's hash: "sha256"                                      |
// |    104 |   64 | salt: random, new with each write, differs between the copies              |
// |    168 |   40 | UUID of the volume                                                         |
// |    208 |   48 | subsystem label                                                            |
// |    256 |    8 | offset of this copy on the device: 0, or the size of a copy                |
// |    264 |  184 | padding, zeros                                                             |
// |    448 |   64 | checksum of the whole copy, taken with this field zero                     |
// |    512 | 3584 | padding, zeros                                                             |
// |   4096 |      | JSON area up to the end of the copy: text, a NUL, zeros                    |
inline constexpr std::size_t kBinaryHeaderBytes = 4096;
inline constexpr std::size_t kSmallestCopyBytes = 16 * 1024;
inline constexpr std::size_t kLargestCopyBytes = 4 * 1024 * 1024;

// What libcryptsetup uses unless told otherwise, and all that we write.
inline constexpr std::size_t kDefaultCopyBytes = kSmallestCopyBytes;

enum class CopyRole { kFirst, kSecond };

// The fields we use.
struct BinaryHeader {
  std::uint16_t version = 2;
  std::uint64_t copy_bytes = kDefaultCopyBytes;
  std::uint64_t sequence = 0;
  std::string checksum_hash = "sha256";
  std::array<std::byte, 64> salt{};
  std::string uuid;
  std::uint64_t offset_bytes = 0;
};

// Which magic stands at the start of `bytes`, if any. Never fails; short input has none.
std::optional<CopyRole> ReadMagic(std::span<const std::byte> bytes);

// Reads the fields behind a magic. Checks no checksum, and believes nothing: what it gives may be
// lies. kDataLoss, with the field's name: `bytes` is below 512, the version is not 2, or a size or
// offset is none that the format allows.
Result<BinaryHeader> ParseBinaryHeader(std::span<const std::byte> bytes);

// The version behind a magic; 0 where `bytes` is too short.
std::uint16_t ReadVersion(std::span<const std::byte> bytes);

// The text of the UUID field, for a header that need not verify; "" if it is not printable.
std::string ReadUuid(std::span<const std::byte> bytes);

// Whether the checksum in `copy` (all of it, JSON area included) is that of its bytes.
// False too where the hash is one that OpenSSL does not offer.
bool ChecksumVerifies(std::span<const std::byte> copy, const BinaryHeader& header);

// Writes `header` over the first 4096 bytes of `copy` and seals all of `copy` with its checksum,
// sha256. `copy` must be header.copy_bytes long and hold its JSON area. kInternal: OpenSSL failed.
Status SealCopy(CopyRole role, const BinaryHeader& header, std::span<std::byte> copy);

}  // namespace rbdcrypt::rbd::luks
