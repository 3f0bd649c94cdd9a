// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/cipher.h"

#include <optional>
#include <string_view>

#include "base/strings.h"

namespace rbdcrypt::rbd::luks {
namespace {

Status CheckCipher(const std::string& cipher) {
  if (cipher == "aes-xts-plain64" || cipher == "serpent-xts-plain64") {
    return OkStatus();
  }
  if (cipher == "aes-xts-random" || cipher == "serpent-xts-random") {
    return InvalidArgument(Cat("encryptionCipher \"", cipher,
                               "\" needs integrity protection (integrityMode), which is not "
                               "supported: use aes-xts-plain64 or serpent-xts-plain64"));
  }
  return InvalidArgument(Cat("encryptionCipher \"", cipher,
                             "\" is not supported: use aes-xts-plain64 or serpent-xts-plain64"));
}

Result<std::size_t> ParseKeyBits(const std::string& text) {
  const std::optional<std::uint64_t> bits = ParseUint64(text);
  if (bits && (*bits == 256 || *bits == 512)) {
    return static_cast<std::size_t>(*bits);
  }
  return InvalidArgument(Cat("encryptionKeySize \"", text,
                             "\" is not supported: an xts cipher takes 256 or 512 bits"));
}

Result<std::uint32_t> ParseSectorBytes(const std::string& text) {
  const std::optional<std::uint64_t> bytes = ParseUint64(text);
  if (bytes && (*bytes == 512 || *bytes == 1024 || *bytes == 2048 || *bytes == 4096)) {
    return static_cast<std::uint32_t>(*bytes);
  }
  return InvalidArgument(Cat("encryptionSectorSize \"", text,
                             "\" is not supported: use 512, 1024, 2048 or 4096 bytes"));
}

}  // namespace

Result<CipherSpec> ParseCipher(const CipherParameters& parameters) {
  CipherSpec spec;
  if (!parameters.encryption_cipher.empty()) {
    RETURN_IF_ERROR(CheckCipher(parameters.encryption_cipher));
    spec.name = parameters.encryption_cipher;
    if (!parameters.encryption_key_size.empty()) {
      ASSIGN_OR_RETURN(spec.key_bits, ParseKeyBits(parameters.encryption_key_size));
    }
  }
  if (!parameters.encryption_sector_size.empty()) {
    ASSIGN_OR_RETURN(spec.sector_bytes, ParseSectorBytes(parameters.encryption_sector_size));
  }
  return spec;
}

}  // namespace rbdcrypt::rbd::luks
