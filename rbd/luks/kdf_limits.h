// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>

#include "base/status.h"
#include "rbd/luks/metadata.h"

namespace rbdcrypt::rbd::luks {

// The most work a keyslot may ask for. A key derivation cannot be interrupted, so a header that
// asks for 2^32 iterations would hold a thread for hours. cryptsetup's own benchmark aims at 2 s,
// which is a few million iterations of pbkdf2, or argon2 at 1 GiB with a time cost below 10.
inline constexpr std::uint64_t kMaxPbkdf2Iterations = 100'000'000;
inline constexpr std::uint64_t kMaxArgon2GibibytePasses = 64;

// kFailedPrecondition: it asks for more; the slot is never tried.
Status CheckKdfCost(const Keyslot& slot);

}  // namespace rbdcrypt::rbd::luks
