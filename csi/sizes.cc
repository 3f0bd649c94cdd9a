// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/sizes.h"

#include <algorithm>
#include <limits>

#include "base/strings.h"
#include "rbd/luks/blank_header.h"

namespace rbdcrypt::csi {
namespace {

constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr std::uint64_t kGiB = 1ULL << 30U;
constexpr std::uint64_t kMaxBytes = std::numeric_limits<std::int64_t>::max();

// Of a positive int64; cannot overflow uint64.
std::uint64_t RoundUp(std::uint64_t bytes, std::uint64_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

Status NoSuchSize(const CapacityRange& range) {
  return OutOfRange(Cat("capacity_range: no whole MiB between required_bytes ",
                        range.required_bytes, " and limit_bytes ", range.limit_bytes));
}

}  // namespace

Result<std::uint64_t> VolumeSizeBytes(const CapacityRange& range) {
  if (range.required_bytes < 0 || range.limit_bytes < 0) {
    return InvalidArgument("capacity_range: a negative number of bytes");
  }
  const std::uint64_t limit =
      range.limit_bytes == 0 ? kMaxBytes : static_cast<std::uint64_t>(range.limit_bytes);
  if (range.required_bytes == 0) {
    const std::uint64_t size = std::min(kDefaultVolumeBytes, limit / kMiB * kMiB);
    return size == 0 ? Result<std::uint64_t>(NoSuchSize(range)) : size;
  }
  const auto required = static_cast<std::uint64_t>(range.required_bytes);
  const std::uint64_t in_mib = RoundUp(required, kMiB);
  const std::uint64_t preferred = required < kGiB ? in_mib : RoundUp(required, kGiB);
  if (preferred <= limit) {
    return preferred;
  }
  return in_mib <= limit ? in_mib : Result<std::uint64_t>(NoSuchSize(range));
}

Status CheckEncryptedSize(std::uint64_t size_bytes) {
  if (size_bytes > rbd::luks::kDefaultDataOffsetBytes) {
    return OkStatus();
  }
  return OutOfRange(Cat("capacity_range: ", size_bytes,
                        " bytes leave no room for data: the LUKS header of an encrypted volume "
                        "takes ",
                        rbd::luks::kDefaultDataOffsetBytes, " bytes of it; ask for more"));
}

}  // namespace rbdcrypt::csi
