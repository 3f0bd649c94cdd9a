// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/volume_id.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "base/encoding.h"
#include "base/strings.h"
#include "base/uuid.h"

namespace rbdcrypt::rbd {
namespace {

// Widths and places of the fields; the clusterID moves all that follows it.
constexpr std::size_t kVersionAt = 0;
constexpr std::size_t kLengthAt = 5;
constexpr std::size_t kClusterIdAt = 10;
constexpr std::size_t kShortDigits = 4;
constexpr std::size_t kPoolDigits = 16;
// All but the clusterID, with the four separators.
constexpr std::size_t kOverhead = 64;

bool IsPrintable(char c) {
  return c >= ' ' && c != '\x7f';
}

Status CheckClusterId(std::string_view cluster_id) {
  if (cluster_id.empty() || cluster_id.size() > kMaxClusterIdBytes) {
    return InvalidArgument(Cat("volume ID: the clusterID has ", cluster_id.size(), " bytes; 1 to ",
                               kMaxClusterIdBytes, " are allowed"));
  }
  if (!std::all_of(cluster_id.begin(), cluster_id.end(), IsPrintable)) {
    return InvalidArgument("volume ID: the clusterID holds bytes that are not printable ASCII");
  }
  return OkStatus();
}

Status NoHexNumber(std::string_view field) {
  return InvalidArgument(Cat("volume ID: ", field, " is no hexadecimal number"));
}

}  // namespace

Result<std::string> EncodeVolumeId(const VolumeId& id) {
  RETURN_IF_ERROR(CheckClusterId(id.cluster_id));
  if (!IsUuid(id.uuid)) {
    return InvalidArgument("volume ID: the object's UUID is none");
  }
  return Cat(HexUint(id.version, kShortDigits), "-", HexUint(id.cluster_id.size(), kShortDigits),
             "-", id.cluster_id, "-", HexUint(static_cast<std::uint64_t>(id.pool_id), kPoolDigits),
             "-", id.uuid);
}

Result<VolumeId> DecodeVolumeId(std::string_view text) {
  if (text.size() < kOverhead) {
    return InvalidArgument(Cat("volume ID: ", text.size(), " characters are too few"));
  }
  const auto version = ParseHexUint(text.substr(kVersionAt, kShortDigits));
  const auto length = ParseHexUint(text.substr(kLengthAt, kShortDigits));
  if (!version.has_value() || !length.has_value()) {
    return NoHexNumber(version.has_value() ? "the clusterID's length" : "the version");
  }
  if (text.size() != kOverhead + *length) {
    return InvalidArgument(Cat("volume ID: ", text.size(), " characters do not fit a clusterID of ",
                               *length, " bytes"));
  }
  const std::size_t pool_at = kClusterIdAt + *length + 1;
  const auto pool = ParseHexUint(text.substr(pool_at, kPoolDigits));
  if (!pool.has_value()) {
    return NoHexNumber("the pool ID");
  }
  VolumeId id{
      .version = static_cast<std::uint16_t>(*version),
      .cluster_id = std::string(text.substr(kClusterIdAt, *length)),
      .pool_id = static_cast<std::int64_t>(*pool),
      .uuid = std::string(text.substr(pool_at + kPoolDigits + 1)),
  };
  RETURN_IF_ERROR(CheckClusterId(id.cluster_id));
  if (!IsUuid(id.uuid)) {
    return InvalidArgument("volume ID: its last 36 characters are no UUID");
  }
  return id;
}

}  // namespace rbdcrypt::rbd
