// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "rbd/luks/metadata.h"

namespace rbdcrypt::rbd::luks {

// Where things lie on a device with a LUKS2 header; n is the size of a copy (16 KiB by default).
// Source: LUKS2 On-Disk Format Specification 1.1.x, sections 2 and 2.2.
//
// | offset            | content                                                                |
// |-------------------|------------------------------------------------------------------------|
// | 0                 | first copy: binary header (rbd/luks/binary_header.h), JSON from 4096   |
// | n                 | second copy, the same JSON, its own salt and checksum                  |
// | 2n                | keyslot areas: 252 KiB each for a 512-bit key, first fit               |
// | data offset       | encrypted data: 16 MiB by default (section 3.3, segments)              |
//
// If the first copy is lost, the second is looked for at each size that a copy may have.

// One of the two copies, as found.
struct HeaderCopy {
  std::uint64_t offset_bytes = 0;
  bool has_magic = false;
  bool verifies = false;    // checksum right and JSON usable
  bool is_current = false;  // verifies and carries the header that counts
  std::uint64_t sequence = 0;
  std::string problem;  // why it does not verify, for people
};

// The header that counts: the copy that verifies with the highest sequence number, the first copy
// where both have the same. What libcryptsetup would load.
struct Layout {
  std::uint64_t sequence = 0;
  std::uint64_t copy_bytes = 0;
  std::string uuid;
  std::array<HeaderCopy, 2> copies;
  Metadata metadata;

  // Where the encrypted data begins; 0 for a detached header.
  std::uint64_t DataOffsetBytes() const;

  // Bytes of both copies and the keyslots' space: what libcryptsetup wants to find.
  std::uint64_t MetadataBytes() const { return 2 * copy_bytes + metadata.keyslots_bytes; }

  // The volume key's size, from the first keyslot; nothing without any.
  std::optional<std::uint64_t> KeyBytes() const;

  // A keyslot by number, nullptr where it is free.
  const Keyslot* FindKeyslot(int number) const;

  // Whether a passphrase can get the volume key out of `slot`: of type luks2, and bound by a digest
  // to a segment.
  bool IsUsable(const Keyslot& slot) const;

  // Both copies and the areas of the used keyslots: all that is ever read or written.
  std::vector<ByteRange> UsedExtents() const;
};

enum class HeaderState {
  kEmpty,    // nothing but zeros
  kForeign,  // no magic of LUKS anywhere, but not zeros
  kLuks1,
  kDamaged,   // magic of LUKS2, but no copy that verifies
  kDetached,  // verifies, but its data lies on another device
  kLuks2,
};

// What stands at the beginning of an image. crypt_load says EINVAL to five of the six states, so
// this looks at the bytes (safety A5).
struct Inspection {
  HeaderState state = HeaderState::kEmpty;
  std::string uuid;  // as claimed, even by a copy that does not verify; "" without magic
  std::optional<Layout> layout;  // kLuks2 and kDetached only
  std::string problem;           // why it is not kLuks2, for people
  std::vector<std::byte> head;   // the bytes looked at; whole copies
};

// How many bytes from 0 Inspect needs at most: two copies of the largest size.
inline constexpr std::size_t kInspectBytes = 2 * 4 * 1024 * 1024;

// How many bytes from 0 suffice if the copy that `first` (512 bytes or more from 0) begins is
// whole; kInspectBytes if it is not.
std::size_t BytesToInspect(std::span<const std::byte> first);

// Says what `head`, the bytes of an image from 0, is. Hostile bytes give any state, never harm.
Inspection Inspect(std::vector<std::byte> head);

// Ok for kLuks2. kFailedPrecondition: kEmpty, kForeign (no magic), kLuks1 and kDetached (not ours
// to use). kDataLoss: kDamaged.
Status CheckIsLuks2(const Inspection& inspection);

}  // namespace rbdcrypt::rbd::luks
