// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/binary_header.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstring>
#include <string_view>

#include <openssl/evp.h>

#include "base/handle.h"
#include "base/strings.h"

namespace rbdcrypt::rbd::luks {
namespace {

using Digest = std::array<std::byte, EVP_MAX_MD_SIZE>;
using DigestContext = CHandle<EVP_MD_CTX, EVP_MD_CTX_free>;

constexpr std::size_t kFieldsBytes = 512;
constexpr std::size_t kMagicBytes = 6;
constexpr std::string_view kFirstMagic = "LUKS\xba\xbe";
constexpr std::string_view kSecondMagic = "SKUL\xba\xbe";

struct Field {
  std::size_t offset;
  std::size_t size;
};

constexpr Field kVersion = {6, 2};
constexpr Field kCopyBytes = {8, 8};
constexpr Field kSequence = {16, 8};
constexpr Field kChecksumHash = {72, 32};
constexpr Field kSalt = {104, 64};
constexpr Field kUuid = {168, 40};
constexpr Field kOffset = {256, 8};
constexpr Field kChecksum = {448, 64};

std::uint64_t ReadInteger(std::span<const std::byte> bytes, Field field) {
  std::uint64_t value = 0;
  for (const std::byte byte : bytes.subspan(field.offset, field.size)) {
    value = value << 8 | static_cast<std::uint64_t>(byte);
  }
  return value;
}

void WriteInteger(std::span<std::byte> bytes, Field field, std::uint64_t value) {
  for (std::size_t i = field.size; i-- > 0; value >>= 8) {
    bytes[field.offset + i] = static_cast<std::byte>(value & 0xff);
  }
}

std::string ReadText(std::span<const std::byte> bytes, Field field) {
  std::string text;
  for (const std::byte byte : bytes.subspan(field.offset, field.size)) {
    if (byte == std::byte{0}) {
      break;
    }
    text.push_back(static_cast<char>(byte));
  }
  return text;
}

void WriteText(std::span<std::byte> bytes, Field field, std::string_view text) {
  std::memcpy(&bytes[field.offset], text.data(), std::min(text.size(), field.size - 1));
}

bool IsCopySize(std::uint64_t size) {
  return size >= kSmallestCopyBytes && size <= kLargestCopyBytes && std::has_single_bit(size);
}

// The checksum of `copy` with its checksum field taken as zeros; its length, 0 on failure.
std::size_t ComputeChecksum(std::span<const std::byte> copy,
                            const std::string& hash,
                            Digest& checksum) {
  const EVP_MD* md = EVP_get_digestbyname(hash.c_str());
  const DigestContext context(EVP_MD_CTX_new());
  constexpr std::array<std::byte, kChecksum.size> kZeros{};
  const auto rest = copy.subspan(kChecksum.offset + kChecksum.size);
  unsigned int length = 0;
  const bool done =
      md != nullptr && context != nullptr && EVP_DigestInit_ex(context.get(), md, nullptr) == 1 &&
      EVP_DigestUpdate(context.get(), copy.data(), kChecksum.offset) == 1 &&
      EVP_DigestUpdate(context.get(), kZeros.data(), kZeros.size()) == 1 &&
      EVP_DigestUpdate(context.get(), rest.data(), rest.size()) == 1 &&
      EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(checksum.data()),
                         &length) == 1;
  return done ? length : 0;
}

}  // namespace

std::optional<CopyRole> ReadMagic(std::span<const std::byte> bytes) {
  if (bytes.size() < kMagicBytes) {
    return std::nullopt;
  }
  const std::string_view magic(reinterpret_cast<const char*>(bytes.data()), kMagicBytes);
  if (magic == kFirstMagic) {
    return CopyRole::kFirst;
  }
  if (magic == kSecondMagic) {
    return CopyRole::kSecond;
  }
  return std::nullopt;
}

std::uint16_t ReadVersion(std::span<const std::byte> bytes) {
  const bool is_there = bytes.size() >= kVersion.offset + kVersion.size;
  return is_there ? static_cast<std::uint16_t>(ReadInteger(bytes, kVersion)) : std::uint16_t{0};
}

std::string ReadUuid(std::span<const std::byte> bytes) {
  if (bytes.size() < kFieldsBytes) {
    return "";
  }
  std::string uuid = ReadText(bytes, kUuid);
  const bool is_printable = std::all_of(
      uuid.begin(), uuid.end(), [](char c) { return std::isgraph(static_cast<unsigned char>(c)); });
  return is_printable ? uuid : "";
}

Result<BinaryHeader> ParseBinaryHeader(std::span<const std::byte> bytes) {
  if (bytes.size() < kFieldsBytes) {
    return DataLoss("the header ends before its binary part");
  }
  BinaryHeader header;
  header.version = ReadVersion(bytes);
  header.copy_bytes = ReadInteger(bytes, kCopyBytes);
  header.sequence = ReadInteger(bytes, kSequence);
  header.checksum_hash = ReadText(bytes, kChecksumHash);
  std::copy_n(bytes.begin() + kSalt.offset, kSalt.size, header.salt.begin());
  header.uuid = ReadUuid(bytes);
  header.offset_bytes = ReadInteger(bytes, kOffset);
  if (header.version != 2) {
    return DataLoss(Cat("the header's version is ", header.version, ", not 2"));
  }
  if (!IsCopySize(header.copy_bytes)) {
    return DataLoss(Cat("the header's size, ", header.copy_bytes, ", is none of the format's"));
  }
  if (header.offset_bytes != 0 && header.offset_bytes != header.copy_bytes) {
    return DataLoss(Cat("the header's offset, ", header.offset_bytes, ", fits neither copy"));
  }
  return header;
}

bool ChecksumVerifies(std::span<const std::byte> copy, const BinaryHeader& header) {
  if (copy.size() != header.copy_bytes || copy.size() < kBinaryHeaderBytes) {
    return false;
  }
  Digest checksum{};
  const std::size_t length = ComputeChecksum(copy, header.checksum_hash, checksum);
  return length != 0 && std::memcmp(checksum.data(), &copy[kChecksum.offset], length) == 0;
}

Status SealCopy(CopyRole role, const BinaryHeader& header, std::span<std::byte> copy) {
  RBDCRYPT_CHECK(copy.size() == header.copy_bytes && copy.size() >= kBinaryHeaderBytes);
  std::fill_n(copy.begin(), kBinaryHeaderBytes, std::byte{0});
  const std::string_view magic = role == CopyRole::kFirst ? kFirstMagic : kSecondMagic;
  std::memcpy(copy.data(), magic.data(), magic.size());
  WriteInteger(copy, kVersion, header.version);
  WriteInteger(copy, kCopyBytes, header.copy_bytes);
  WriteInteger(copy, kSequence, header.sequence);
  WriteText(copy, kChecksumHash, "sha256");
  std::copy(header.salt.begin(), header.salt.end(), copy.begin() + kSalt.offset);
  WriteText(copy, kUuid, header.uuid);
  WriteInteger(copy, kOffset, header.offset_bytes);
  Digest checksum{};
  const std::size_t length = ComputeChecksum(copy, "sha256", checksum);
  if (length == 0) {
    return Internal("OpenSSL cannot compute the header's checksum (sha256)");
  }
  std::memcpy(&copy[kChecksum.offset], checksum.data(), length);
  return OkStatus();
}

}  // namespace rbdcrypt::rbd::luks
