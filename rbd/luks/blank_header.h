// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "rbd/luks/cipher.h"

namespace rbdcrypt::rbd::luks {

// Where the data of a new volume begins, and so the size of its metadata: cryptsetup's own default
// (DEFAULT_LUKS2 data alignment, ceph-csi-compat 5.5).
inline constexpr std::uint64_t kDefaultDataOffsetBytes = 16 * 1024 * 1024;

// Iterations of PBKDF2 over what is random anyway, a volume key or a DEK: the least that
// libcryptsetup takes (crypt_pbkdf_get_limits). More would cost time and gain nothing.
inline constexpr std::uint32_t kRandomKeyIterations = 1000;

// Both copies of a LUKS2 header without keyslots, as crypt_format leaves one: one crypt segment
// from 16 MiB to the end, 12288 bytes of JSON area a copy, one digest (pbkdf2, sha256, 1000
// iterations) that knows `volume_key`.
//
// Composed here and not by crypt_format, which fills 16 MiB with random bytes (90 ms [measured])
// and refuses a cipher that neither OpenSSL nor this kernel has (serpent in a container
// [measured]), although no data is encrypted here. `uuid` must be a UUID. kInternal: OpenSSL
// failed.
Result<std::vector<std::byte>> ComposeBlankHeader(const CipherSpec& cipher,
                                                  const std::string& uuid,
                                                  const Secret& volume_key,
                                                  std::uint64_t sequence);

}  // namespace rbdcrypt::rbd::luks
