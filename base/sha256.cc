// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/sha256.h"

#include <openssl/evp.h>

#include "base/status.h"

namespace rbdcrypt {

// OpenSSL fails here only where its default provider is missing altogether.
std::array<std::byte, kSha256Bytes> Sha256(std::span<const std::byte> bytes) {
  std::array<std::byte, kSha256Bytes> sum{};
  RBDCRYPT_CHECK(EVP_Digest(bytes.data(), bytes.size(),
                            reinterpret_cast<unsigned char*>(sum.data()), nullptr, EVP_sha256(),
                            nullptr) == 1);
  return sum;
}

std::array<std::byte, kSha256Bytes> Sha256(std::string_view text) {
  return Sha256(std::as_bytes(std::span(text)));
}

}  // namespace rbdcrypt
