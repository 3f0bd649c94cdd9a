// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/status.h"

namespace rbdcrypt::rbd::luks {

// How the data of a new volume is encrypted. The default is what cryptsetup 2.6.1 gives ceph-csi on
// a krbd device (ceph-csi-compat 5.5).
struct CipherSpec {
  std::string name = "aes-xts-plain64";
  std::size_t key_bits = 512;
  std::uint32_t sector_bytes = 512;

  std::size_t KeyBytes() const { return key_bits / 8; }

  friend bool operator==(const CipherSpec&, const CipherSpec&) = default;
};

// The StorageClass parameters of later ceph-csi releases, as written; "" where absent
// (ceph-csi-compat 11).
struct CipherParameters {
  std::string encryption_cipher;       // "encryptionCipher"
  std::string encryption_key_size;     // "encryptionKeySize", bits
  std::string encryption_sector_size;  // "encryptionSectorSize", bytes
};

// Reads them: aes-xts-plain64 or serpent-xts-plain64; 256 or 512 bits (512 by default, and ignored
// without a cipher, as there); sectors of 512, 1024, 2048 or 4096 bytes.
// kInvalidArgument names the parameter and what it may be. The "-random" ciphers are refused too:
// they need dm-integrity below them, which this driver does not set up.
Result<CipherSpec> ParseCipher(const CipherParameters& parameters);

}  // namespace rbdcrypt::rbd::luks
