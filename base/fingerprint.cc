// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/fingerprint.h"

#include <array>
#include <cstdint>
#include <span>

#include "base/encoding.h"
#include "base/status.h"

namespace rbdcrypt {

Fingerprint::Fingerprint() : digest_(EVP_MD_CTX_new()) {
  RBDCRYPT_CHECK(digest_ != nullptr &&
                 EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr) == 1);
}

Fingerprint& Fingerprint::Add(std::string_view text) {
  const std::uint64_t size = text.size();
  RBDCRYPT_CHECK(EVP_DigestUpdate(digest_.get(), &size, sizeof(size)) == 1 &&
                 EVP_DigestUpdate(digest_.get(), text.data(), text.size()) == 1);
  return *this;
}

std::string Fingerprint::Take() && {
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  unsigned int size = 0;
  RBDCRYPT_CHECK(EVP_DigestFinal_ex(digest_.get(), sum.data(), &size) == 1);
  return HexEncode(std::as_bytes(std::span(sum).first(size)));
}

}  // namespace rbdcrypt
