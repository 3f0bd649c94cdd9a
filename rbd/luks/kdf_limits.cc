// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/kdf_limits.h"

#include <algorithm>

#include "base/strings.h"

namespace rbdcrypt::rbd::luks {
namespace {

constexpr std::uint64_t kKibPerGib = 1024ULL * 1024;

bool IsTooCostly(const Kdf& kdf) {
  if (kdf.type == "pbkdf2") {
    return kdf.cost > kMaxPbkdf2Iterations;
  }
  // In this order nothing overflows: both are 32 bits wide in a header.
  const std::uint64_t memory_kib = std::max<std::uint64_t>(kdf.memory_kib, 1);
  return kdf.cost > kMaxArgon2GibibytePasses * kKibPerGib / memory_kib;
}

}  // namespace

Status CheckKdfCost(const Keyslot& slot) {
  if (!IsTooCostly(slot.kdf)) {
    return OkStatus();
  }
  return FailedPrecondition(Cat("keyslot ", slot.number, " asks for ", slot.kdf.type,
                                " with a cost ", "of ", slot.kdf.cost,
                                ", which would take hours: it is not tried; ",
                                "give the volume a cheaper keyslot with cryptsetup luksChangeKey"));
}

}  // namespace rbdcrypt::rbd::luks
