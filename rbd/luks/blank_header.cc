// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/blank_header.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/encoding.h"
#include "base/json.h"
#include "base/strings.h"
#include "rbd/luks/binary_header.h"

namespace rbdcrypt::rbd::luks {
namespace {

// LUKS_SALTSIZE and sha256's size: what libcryptsetup gives its digests.
constexpr std::size_t kDigestSaltBytes = 32;
constexpr std::size_t kDigestBytes = 32;

unsigned char* Uchars(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

Status FillRandom(std::span<std::byte> out) {
  if (RAND_bytes(Uchars(out), static_cast<int>(out.size())) != 1) {
    return Internal("OpenSSL's random source failed");
  }
  return OkStatus();
}

// Section 3.4 of the specification: a PBKDF2 digest of the volume key tells a right one from wrong.
Result<Json> ComposeDigest(const Secret& volume_key) {
  std::array<std::byte, kDigestSaltBytes> salt{};
  std::array<std::byte, kDigestBytes> digest{};
  RETURN_IF_ERROR(FillRandom(salt));
  const std::string_view key = volume_key.RevealText();
  if (PKCS5_PBKDF2_HMAC(key.data(), static_cast<int>(key.size()), Uchars(salt), kDigestSaltBytes,
                        kRandomKeyIterations, EVP_sha256(), kDigestBytes, Uchars(digest)) != 1) {
    return Internal("OpenSSL cannot compute the volume key's digest (pbkdf2, sha256)");
  }
  return Json{{"type", "pbkdf2"},
              {"keyslots", Json::array()},
              {"segments", {"0"}},
              {"hash", "sha256"},
              {"iterations", kRandomKeyIterations},
              {"salt", Base64Encode(salt)},
              {"digest", Base64Encode(digest)}};
}

Result<std::string> ComposeJson(const CipherSpec& cipher, const Secret& volume_key) {
  ASSIGN_OR_RETURN(const Json digest, ComposeDigest(volume_key));
  const Json segment = {
      {"type", "crypt"},           {"offset", std::to_string(kDefaultDataOffsetBytes)},
      {"size", "dynamic"},         {"iv_tweak", "0"},
      {"encryption", cipher.name}, {"sector_size", cipher.sector_bytes}};
  const std::uint64_t keyslots_bytes = kDefaultDataOffsetBytes - 2 * kDefaultCopyBytes;
  const Json config = {{"json_size", std::to_string(kDefaultCopyBytes - kBinaryHeaderBytes)},
                       {"keyslots_size", std::to_string(keyslots_bytes)}};
  return Json{{"keyslots", Json::object()},
              {"tokens", Json::object()},
              {"segments", {{"0", segment}}},
              {"digests", {{"0", digest}}},
              {"config", config}}
      .dump();
}

}  // namespace

Result<std::vector<std::byte>> ComposeBlankHeader(const CipherSpec& cipher,
                                                  const std::string& uuid,
                                                  const Secret& volume_key,
                                                  std::uint64_t sequence) {
  ASSIGN_OR_RETURN(const std::string json, ComposeJson(cipher, volume_key));
  std::vector<std::byte> copies(2 * kDefaultCopyBytes);
  BinaryHeader header;
  header.sequence = sequence;
  header.uuid = uuid;
  for (const CopyRole role : {CopyRole::kFirst, CopyRole::kSecond}) {
    header.offset_bytes = role == CopyRole::kFirst ? 0 : kDefaultCopyBytes;
    RETURN_IF_ERROR(FillRandom(header.salt));
    const auto copy = std::span(copies).subspan(header.offset_bytes, kDefaultCopyBytes);
    const auto text = std::as_bytes(std::span(json));
    std::copy(text.begin(), text.end(), copy.begin() + kBinaryHeaderBytes);
    RETURN_IF_ERROR(SealCopy(role, header, copy));
  }
  return copies;
}

}  // namespace rbdcrypt::rbd::luks
