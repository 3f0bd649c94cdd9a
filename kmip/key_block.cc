// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/key_block.h"

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/strings.h"
#include "kmip/tags.h"

namespace rbdcrypt::kmip {
namespace {

// Whether `field`, where there is one, has that value.
template <typename E>
bool MayBe(const TtlvView& structure, Tag field, E value) {
  const std::optional<TtlvView> item = structure.Find(field);
  return !item.has_value() || item->AsEnumeration() == static_cast<std::uint32_t>(value);
}

Status CheckIsRawAesKey(const TtlvView& block) {
  if (block.Find(Tag::kKeyWrappingData).has_value()) {
    return FailedPrecondition("KMIP Get: the server gives the key wrapped, not in clear");
  }
  ASSIGN_OR_RETURN(const std::uint32_t format, block.Enumeration(Tag::kKeyFormatType));
  if (format != static_cast<std::uint32_t>(KeyFormatType::kRaw)) {
    return FailedPrecondition(
        Cat("KMIP Get: the key has Key Format Type ", HexNumber(format), ", not Raw"));
  }
  if (!MayBe(block, Tag::kCryptographicAlgorithm, CryptographicAlgorithm::kAes)) {
    return FailedPrecondition("KMIP Get: the key is not for AES");
  }
  return OkStatus();
}

// Of a Key Block whose Cryptographic Length may say how long it is.
Status CheckLength(const TtlvView& block, std::size_t bytes) {
  if (block.Find(Tag::kCryptographicLength).has_value()) {
    ASSIGN_OR_RETURN(const std::int32_t bits, block.Integer(Tag::kCryptographicLength));
    if (std::int64_t{bits} != static_cast<std::int64_t>(bytes) * 8) {
      return DataLoss(Cat("Key Material has ", bytes, " bytes, Cryptographic Length is ", bits));
    }
  }
  if (bytes != 16 && bytes != 24 && bytes != 32) {
    return FailedPrecondition(Cat("KMIP Get: a key of ", bytes, " bytes is none for AES"));
  }
  return OkStatus();
}

}  // namespace

Result<Secret> ReadAesKey(const TtlvView& payload) {
  ASSIGN_OR_RETURN(const std::uint32_t type, payload.Enumeration(Tag::kObjectType));
  if (type != static_cast<std::uint32_t>(ObjectType::kSymmetricKey)) {
    return FailedPrecondition(
        Cat("KMIP Get: the identifier is of Object Type ", HexNumber(type), ", no Symmetric Key"));
  }
  ASSIGN_OR_RETURN(const TtlvView key, payload.Structure(Tag::kSymmetricKey));
  ASSIGN_OR_RETURN(const TtlvView block, key.Structure(Tag::kKeyBlock));
  RETURN_IF_ERROR(CheckIsRawAesKey(block));
  ASSIGN_OR_RETURN(const TtlvView value, block.Structure(Tag::kKeyValue));
  ASSIGN_OR_RETURN(const auto material, value.Bytes(Tag::kKeyMaterial));
  RETURN_IF_ERROR(CheckLength(block, material.size()));
  return Secret(material);
}

}  // namespace rbdcrypt::kmip
