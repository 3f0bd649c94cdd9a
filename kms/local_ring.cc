// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/local_ring.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "base/encoding.h"
#include "base/secret_buffer.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "kms/aes_gcm.h"
#include "kms/local_text.h"

namespace rbdcrypt::kms {
namespace {

constexpr std::string_view kMagic = "rbdcrypt-local-ring ";
constexpr std::string_view kFormat = "1";
constexpr std::size_t kIdBytes = 16;
constexpr std::string_view kHexDigits = "0123456789abcdef";

Status CheckBits(std::uint64_t bits) {
  if (bits == 128 || bits == 192 || bits == 256) {
    return OkStatus();
  }
  return InvalidArgument("a KEK has 128, 192 or 256 bits");
}

Status Damaged(std::string_view what) {
  return DataLoss(Cat("the key ring is damaged (", what, "): restore it from its backup"));
}

std::uint64_t UnixSeconds(std::chrono::system_clock::time_point time) {
  const auto since = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch());
  return static_cast<std::uint64_t>(std::max<std::chrono::seconds::rep>(since.count(), 0));
}

std::string SumOf(std::string_view body) {
  return HexEncode(Sha256(body));
}

// base/encoding's HexDecode gives bytes that nobody wipes.
std::optional<Secret> SecretFromHex(std::string_view text) {
  Secret secret(text.size() / 2);
  const auto bytes = secret.MutableBytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t high = kHexDigits.find(text[2 * i]);
    const std::size_t low = kHexDigits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) {
      return std::nullopt;
    }
    bytes[i] = static_cast<std::byte>(high << 4U | low);
  }
  return secret;
}

void AppendHex(SecretBuffer& text, const Secret& secret) {
  for (const std::byte byte : secret.Reveal()) {
    const auto value = std::to_integer<unsigned>(byte);
    text.Append(kHexDigits.substr(value >> 4U, 1));
    text.Append(kHexDigits.substr(value & 15U, 1));
  }
}

}  // namespace

// Reads a ring's text where it lies: views into the Secret, no copies.
class LocalRing::Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Result<LocalRing> Run() {
    RETURN_IF_ERROR(ReadFrame());
    if (!Take("ring ")) {
      return Damaged("no ring ID");
    }
    LocalRing ring{std::string(TakeUntil('\n'))};
    if (ring.id_.size() != 2 * kIdBytes ||
        ring.id_.find_first_not_of(kHexDigits) != std::string::npos) {
      return Damaged("its ID");
    }
    while (!rest_.empty()) {
      ASSIGN_OR_RETURN(Key key, ReadKey());
      if (!ring.keys_.empty() && key.version.number <= ring.keys_.back().version.number) {
        return Damaged("the order of its keys");
      }
      ring.keys_.push_back(std::move(key));
    }
    if (ring.keys_.empty() || ring.keys_.size() > kMaxRingVersions) {
      return Damaged("the number of its keys");
    }
    return ring;
  }

 private:
  // Magic, format and sum; leaves the lines between.
  Status ReadFrame() {
    const std::string_view whole = rest_;
    if (!Take(kMagic)) {
      return InvalidArgument("not a key ring of provider \"local\"");
    }
    if (const std::string_view format = TakeUntil('\n'); format != kFormat) {
      return ParseUint64(format).has_value()
                 ? Unimplemented("the key ring's format is newer than this build")
                 : Damaged("its format");
    }
    constexpr std::size_t kSumLine = 4 + 2 * kSha256Bytes + 1;
    if (rest_.size() < kSumLine) {
      return Damaged("cut off");
    }
    const std::string_view body = whole.substr(0, whole.size() - kSumLine);
    if (whole.substr(body.size()) != Cat("sum ", SumOf(body), '\n')) {
      return Damaged("its sum");
    }
    rest_.remove_suffix(kSumLine);
    return OkStatus();
  }

  Result<Key> ReadKey() {
    if (!Take("key ")) {
      return Damaged("an unknown line");
    }
    const auto number = ParseUint64(TakeUntil(' '));
    const auto created = ParseUint64(TakeUntil(' '));
    const auto bits = ParseUint64(TakeUntil(' '));
    const std::string_view hex = TakeUntil('\n');
    if (!number.has_value() || *number == 0 ||
        *number > std::numeric_limits<std::uint32_t>::max() || !created.has_value() ||
        !bits.has_value() || !CheckBits(*bits).ok() || hex.size() != *bits / 4) {
      return Damaged("a key's line");
    }
    std::optional<Secret> kek = SecretFromHex(hex);
    if (!kek.has_value()) {
      return Damaged("a key");
    }
    return Key{.version = {.number = static_cast<std::uint32_t>(*number),
                           .created_unix_seconds = *created,
                           .key_bits = static_cast<int>(*bits)},
               .kek = *std::move(kek)};
  }

  bool Take(std::string_view prefix) {
    if (!rest_.starts_with(prefix)) {
      return false;
    }
    rest_.remove_prefix(prefix.size());
    return true;
  }

  // Up to `end`, which is dropped; everything where it is missing.
  std::string_view TakeUntil(char end) {
    const std::string_view field = rest_.substr(0, rest_.find(end));
    rest_.remove_prefix(std::min(field.size() + 1, rest_.size()));
    return field;
  }

  std::string_view rest_;
};

Result<LocalRing> LocalRing::New(int key_bits, std::chrono::system_clock::time_point now) {
  ASSIGN_OR_RETURN(const Secret id, RandomSecret(kIdBytes));
  LocalRing ring(HexEncode(id.Reveal()));
  RETURN_IF_ERROR(ring.AddVersion(key_bits, now).status());
  return ring;
}

Result<LocalRing> LocalRing::Parse(const Secret& text) {
  return Parser(text.RevealText()).Run();
}

Secret LocalRing::Format() const {
  SecretBuffer text;
  text.Append(Cat(kMagic, kFormat, "\nring ", id_, '\n'));
  for (const Key& key : keys_) {
    text.Append(Cat("key ", key.version.number, ' ', key.version.created_unix_seconds, ' ',
                    key.version.key_bits, ' '));
    AppendHex(text, key.kek);
    text.Append("\n");
  }
  text.Append(Cat("sum ", SumOf(text.written()), '\n'));
  return text.Take();
}

std::vector<LocalRing::Version> LocalRing::Versions() const {
  std::vector<Version> versions;
  versions.reserve(keys_.size());
  for (const Key& key : keys_) {
    versions.push_back(key.version);
  }
  return versions;
}

Result<std::uint32_t> LocalRing::AddVersion(int key_bits,
                                            std::chrono::system_clock::time_point now) {
  RETURN_IF_ERROR(CheckBits(static_cast<std::uint64_t>(key_bits)));
  const std::uint32_t newest = keys_.empty() ? 0 : keys_.back().version.number;
  if (keys_.size() >= kMaxRingVersions || newest == std::numeric_limits<std::uint32_t>::max()) {
    return FailedPrecondition(Cat("the key ring is full (", kMaxRingVersions,
                                  " versions): rewrap the volumes and prune old versions"));
  }
  ASSIGN_OR_RETURN(Secret kek, RandomSecret(static_cast<std::size_t>(key_bits) / 8));
  keys_.push_back(Key{.version = {.number = newest + 1,
                                  .created_unix_seconds = UnixSeconds(now),
                                  .key_bits = key_bits},
                      .kek = std::move(kek)});
  return newest + 1;
}

Status LocalRing::Prune(std::uint32_t version) {
  const auto found =
      std::ranges::find(keys_, version, [](const Key& key) { return key.version.number; });
  if (found == keys_.end()) {
    return NotFound(Cat("the key ring has no version ", version));
  }
  if (&*found == &keys_.back()) {
    return FailedPrecondition(Cat("version ", version,
                                  " is the newest of the key ring, which "
                                  "wraps: add another before pruning it"));
  }
  keys_.erase(found);
  return OkStatus();
}

Result<std::string> LocalRing::Wrap(std::string_view volume_id, const Secret& dek) const {
  const Key& newest = keys_.back();
  ASSIGN_OR_RETURN(const Secret nonce, RandomSecret(kGcmNonceBytes));
  LocalText text{.ring_id = id_,
                 .key_version = newest.version.number,
                 .nonce = {nonce.Reveal().begin(), nonce.Reveal().end()},
                 .ciphertext = {}};
  const std::string associated = LocalAssociatedText(text, volume_id);
  ASSIGN_OR_RETURN(text.ciphertext,
                   GcmSeal(newest.kek, text.nonce, std::as_bytes(std::span(associated)), dek));
  return FormatLocalText(text);
}

Result<Secret> LocalRing::Unwrap(std::string_view volume_id, std::string_view wrapped) const {
  ASSIGN_OR_RETURN(const LocalText text, ParseLocalText(wrapped));
  if (text.ring_id != id_) {
    return NotFound(Cat("the DEK was wrapped by key ring ", text.ring_id, ", this one is ", id_,
                        ": point the KMS entry at the right file or restore it"));
  }
  const auto key = std::ranges::find(keys_, text.key_version,
                                     [](const Key& each) { return each.version.number; });
  if (key == keys_.end()) {
    return NotFound(Cat("version ", text.key_version,
                        " of the key ring, which wrapped the DEK, is "
                        "gone: restore an older copy of the ring"));
  }
  if (text.nonce.size() != kGcmNonceBytes) {
    return DataLoss("the wrapped DEK has a nonce of a wrong length");
  }
  const std::string associated = LocalAssociatedText(text, volume_id);
  Result<Secret> dek =
      GcmOpen(key->kek, text.nonce, std::as_bytes(std::span(associated)), text.ciphertext);
  if (dek.status().code() == Code::kDataLoss) {
    return Annotate(dek.status(), "the DEK was wrapped for another volume or tampered with");
  }
  return dek;
}

}  // namespace rbdcrypt::kms
