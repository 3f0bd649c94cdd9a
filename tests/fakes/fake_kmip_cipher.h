// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace rbdcrypt::testing {

// AES as a KMIP server does it, by OpenSSL. Keys of 16, 24 or 32 bytes.

using FakeBytes = std::vector<std::byte>;

// CBC with PKCS5 padding; the IV has 16 bytes. Nothing: the padding is not right.
FakeBytes CbcEncrypt(const FakeBytes& key, const FakeBytes& iv, std::span<const std::byte> data);
std::optional<FakeBytes> CbcDecrypt(const FakeBytes& key,
                                    const FakeBytes& iv,
                                    std::span<const std::byte> data);

// GCM with an IV of any length; the tag has 16 bytes and stands behind the ciphertext. Nothing: it
// is not authentic.
FakeBytes GcmEncrypt(const FakeBytes& key,
                     const FakeBytes& iv,
                     std::span<const std::byte> additional,
                     std::span<const std::byte> data);
std::optional<FakeBytes> GcmDecrypt(const FakeBytes& key,
                                    const FakeBytes& iv,
                                    std::span<const std::byte> additional,
                                    std::span<const std::byte> sealed);

}  // namespace rbdcrypt::testing
