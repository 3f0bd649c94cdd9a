// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <span>

#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt::kmip {

// Undoes AES-CBC with PKCS#5 padding (NIST SP 800-38A, RFC 5652 section 6.3), as a server's Encrypt
// makes it, with a key that was fetched; nothing here wraps so.
//
// `key` has 16, 24 or 32 bytes, `iv` 16: another length aborts, a caller checks what it read.
// kDataLoss: no padding at the end, or the ciphertext is empty or no whole blocks. That padding is
// right proves nothing: one wrong key in 256 gives one. kInternal: OpenSSL failed.
Result<Secret> CbcOpen(const Secret& key,
                       std::span<const std::byte> iv,
                       std::span<const std::byte> ciphertext);

}  // namespace rbdcrypt::kmip
