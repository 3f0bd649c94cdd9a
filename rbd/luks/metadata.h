// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace rbdcrypt::rbd::luks {

// Largest LUKS2 metadata: two copies of 4 MiB and 128 MiB of keyslots (LUKS2_HDR_MAX_MDA_SIZE and
// LUKS2_MAX_KEYSLOTS_SIZE, cryptsetup lib/luks2/luks2.h).
inline constexpr std::uint64_t kMaxMetadataBytes = (2 * 4 + 128) * 1024ULL * 1024ULL;

// Keyslots are numbered 0 to 31 (LUKS2 On-Disk Format Specification 1.1.x, section 3.2).
inline constexpr int kMaxKeyslots = 32;

// Bytes of the image.
struct ByteRange {
  std::uint64_t offset_bytes = 0;
  std::uint64_t length_bytes = 0;

  std::uint64_t end_bytes() const { return offset_bytes + length_bytes; }

  bool Overlaps(const ByteRange& other) const {
    return offset_bytes < other.end_bytes() && other.offset_bytes < end_bytes();
  }

  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// How a keyslot makes its key of a passphrase, and what that costs.
struct Kdf {
  std::string type;              // "pbkdf2", "argon2i", "argon2id"; "" in a reencryption slot
  std::uint64_t cost = 0;        // pbkdf2: iterations; argon2: time cost
  std::uint64_t memory_kib = 0;  // argon2 only
  std::uint64_t cpus = 0;        // argon2 only
  std::string salt = {};         // base64, as it stands; drawn anew for every keyslot, never secret
};

enum class Priority { kIgnore = 0, kNormal = 1, kPrefer = 2 };

struct Keyslot {
  int number = 0;
  std::string type;  // "luks2" holds a volume key; "reencrypt" does not
  std::uint64_t key_bytes = 0;
  ByteRange area;
  Kdf kdf;
  Priority priority = Priority::kNormal;
};

struct Segment {
  int number = 0;
  std::string type;  // "crypt" or "linear"
  std::uint64_t offset_bytes = 0;
  std::optional<std::uint64_t> size_bytes;  // nothing: up to the end of the device
  std::string cipher;                       // "aes-xts-plain64"
  std::uint64_t sector_bytes = 512;
  std::string integrity;  // "hmac(sha256)"; "" without dm-integrity
};

struct Digest {
  int number = 0;
  std::string type;
  std::string hash;
  std::uint64_t iterations = 0;
  std::vector<int> keyslots;
  std::vector<int> segments;
};

// The JSON area of a LUKS2 header, typed: what this project reads of it, sections 3.1 to 3.6 of the
// specification. Unknown fields (tokens among them) are left to libcryptsetup.
struct Metadata {
  std::vector<Keyslot> keyslots;  // by number
  std::vector<Segment> segments;  // by number
  std::vector<Digest> digests;
  std::vector<std::string> requirements;  // of config.requirements.mandatory: "online-reencrypt"
  std::uint64_t keyslots_bytes = 0;       // config.keyslots_size
};

// Reads the JSON area of a copy of `copy_bytes` (everything behind its binary part).
//
// Believes nothing: every keyslot area lies behind both copies and inside the keyslots' space, none
// overlaps another, and all sizes stay below kMaxMetadataBytes, so the result may steer reads and
// writes. kDataLoss names the field.
Result<Metadata> ParseMetadata(std::span<const std::byte> json_area, std::uint64_t copy_bytes);

}  // namespace rbdcrypt::rbd::luks
