// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>

#include "base/status.h"

namespace rbdcrypt::csi {

// The size of a volume where nobody asks for one (ceph-csi-compat 4.1).
inline constexpr std::uint64_t kDefaultVolumeBytes = 1ULL << 30U;

// A capacity range as CSI has it: 0 means "not given".
struct CapacityRange {
  std::int64_t required_bytes = 0;
  std::int64_t limit_bytes = 0;
};

// The raw size to make or grow to: `required` rounded up to MiB below 1 GiB, to GiB from there on,
// as ceph-csi does (4.1); to MiB only where GiB would pass the limit. 1 GiB, or as much of it as
// the limit allows, where nothing is required. The LUKS header is inside, as in ceph-csi.
// kInvalidArgument: a negative number. kOutOfRange: no such size, or none that a number holds.
Result<std::uint64_t> VolumeSizeBytes(const CapacityRange& range);

// kOutOfRange: `size_bytes` leaves no room for data behind the header of an encrypted volume.
Status CheckEncryptedSize(std::uint64_t size_bytes);

}  // namespace rbdcrypt::csi
