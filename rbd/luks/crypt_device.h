// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <libcryptsetup.h>

#include "base/handle.h"
#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt::rbd::luks {

// Who made the passphrase of a keyslot: decides what guessing it must cost.
enum class KdfProfile {
  kRandomDek,        // 160 random bits or more: pbkdf2-sha256, 1000 iterations, 1 ms
  kHumanPassphrase,  // argon2id with 32 MiB, as ceph-csi's --pbkdf-memory 32768
};

// libcryptsetup over a private file in memory that stands for the image.
//
// Unprivileged: no device-mapper, no kernel keyring, no AF_ALG for AES. The file is sparse, never
// shared with a child, and holds only what a header holds: no key in clear. libcryptsetup's own
// messages are kept for the error texts and never printed. One thread per object; different
// objects on different threads.
class CryptDevice {
 public:
  // An empty file of `size_bytes`; crypt_load refuses one shorter than the metadata.
  // kResourceExhausted: no memory for it. kInternal: no file descriptor for it, or libcryptsetup
  // refused.
  static Result<CryptDevice> Create(std::uint64_t size_bytes);

  // Bytes of the file. kInternal: reading failed, or reaches beyond the end. Writing beyond the end
  // grows the file. kResourceExhausted: no memory for what was written.
  Status Read(std::uint64_t offset_bytes, std::span<std::byte> out) const;
  Status Write(std::uint64_t offset_bytes, std::span<const std::byte> data);

  // Loads the LUKS2 header of the file; a missing copy is repaired in the file.
  // kDataLoss: libcryptsetup refuses what the file holds. kUnavailable: it had no memory.
  Status Load();

  // The volume key behind keyslot `slot`, or nothing if `passphrase` does not open it. Runs the
  // slot's KDF, whatever memory that takes: see memory_gate.h. `slot` must be in use.
  // kUnavailable: there was no memory for it. kDataLoss: the header gives the volume key an
  // impossible size. kInternal: libcryptsetup failed otherwise.
  Result<std::optional<Secret>> OpenSlot(int slot, const Secret& passphrase);

  // Makes `passphrase` open `slot`, which must be free. Its area is encrypted with AES whatever the
  // volume's cipher is. kInternal: libcryptsetup refused, for want of memory included; the file may
  // hold the slot or a part of it.
  Status AddSlot(int slot, const Secret& volume_key, const Secret& passphrase, KdfProfile kdf);

  // Removes `slot` and overwrites its area; the last one, too: to spare it is the caller's affair.
  // kInternal: libcryptsetup refused, or the slot is free.
  Status DestroySlot(int slot);

 private:
  CryptDevice() = default;

  Status FromCryptsetup(int result, Code code, std::string_view what) const;

  UniqueFd file_;
  // The messages of the call under way; where it lies must not move, libcryptsetup points to it.
  std::unique_ptr<std::string> log_ = std::make_unique<std::string>();
  CHandle<crypt_device, crypt_free> device_;
};

}  // namespace rbdcrypt::rbd::luks
