// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt::kms {

// AES-GCM as every wrapped DEK here uses it: NIST SP 800-38D with its recommended 96-bit nonce and
// full tag. A nonce is drawn at random for each message, which bounds one key to 2^32 messages
// (section 8.3); a wrapped DEK is written once per volume and rotation.
inline constexpr std::size_t kGcmNonceBytes = 12;
inline constexpr std::size_t kGcmTagBytes = 16;

// Encrypts `plaintext` and appends the tag. `key` has 16, 24 or 32 bytes, `nonce` 12 that were
// never used with it; `associated` is authenticated, not stored. Another length of either, or an
// empty plaintext, aborts the process: a caller checks what it read. kInternal: OpenSSL failed.
Result<std::vector<std::byte>> GcmSeal(const Secret& key,
                                       std::span<const std::byte> nonce,
                                       std::span<const std::byte> associated,
                                       const Secret& plaintext);

// Undoes GcmSeal. kDataLoss: another key, nonce or associated text, any bit changed, or shorter
// than a tag and one byte; nothing of the plaintext is given out then. kInternal: OpenSSL failed.
// Lengths of `key` and `nonce` as above: another one aborts.
Result<Secret> GcmOpen(const Secret& key,
                       std::span<const std::byte> nonce,
                       std::span<const std::byte> associated,
                       std::span<const std::byte> sealed);

}  // namespace rbdcrypt::kms
