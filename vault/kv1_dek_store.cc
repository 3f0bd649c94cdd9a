// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/kv1_dek_store.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include <openssl/sha.h>

#include "base/encoding.h"
#include "base/strings.h"
#include "net/http_client.h"
#include "vault/names.h"

namespace rbdcrypt::vault {
namespace {

// Enough that no two revisions are ever the same.
constexpr std::size_t kRevisionBytes = 12;

// Of a digest of 160 random bits or more, so it tells nothing; half of it is enough to compare.
constexpr std::size_t kVersionBytes = 16;

std::string VersionOf(const Secret& passphrase, std::string_view revision) {
  Secret text(passphrase.size() + 1 + revision.size());
  std::byte* out = text.MutableBytes().data();
  std::memcpy(out, passphrase.Reveal().data(), passphrase.size());
  out[passphrase.size()] = std::byte{0};
  if (!revision.empty()) {
    std::memcpy(out + passphrase.size() + 1, revision.data(), revision.size());
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.Reveal().data()), text.size(), digest.data());
  return HexEncode(std::as_bytes(std::span(digest)).first(kVersionBytes));
}

constexpr std::array<std::string_view, 2> kPreviousPlaces = {"a", "b"};

std::string PreviousId(std::string_view volume_id, std::string_view place) {
  return Cat(volume_id, kPreviousSuffix, place);
}

bool IsPlace(std::string_view mark) {
  return mark == kPreviousPlaces[0] || mark == kPreviousPlaces[1];
}

}  // namespace

Result<KvRead> Kv1DekStore::ReadPresent(const Context& context, std::string_view volume_id) {
  ASSIGN_OR_RETURN(KvRead read, kv_.Read(context, volume_id));
  if (read.state != KvRead::State::kPresent) {
    return NotFound(Cat("volume ", volume_id, ": no DEK is stored at ", kv_.PathOf(volume_id),
                        "; restore it from a backup of Vault, or correct the entry's paths"));
  }
  return read;
}

Result<kms::StoredDek> Kv1DekStore::Fetch(const Context& context, std::string_view volume_id) {
  ASSIGN_OR_RETURN(KvRead read, ReadPresent(context, volume_id));
  std::string version = VersionOf(read.passphrase, read.marks.revision);
  return kms::StoredDek{.dek = std::move(read.passphrase), .version = std::move(version)};
}

// Writes and reads back; a write without an answer is settled by the same read (safety B5).
Result<std::string> Kv1DekStore::WriteAndProve(const Context& context,
                                               std::string_view id,
                                               const Secret& dek,
                                               const Kv1Marks& marks) {
  RETURN_IF_ERROR(context.Check("write a DEK to Vault"));
  const Status written = kv_.Write1(context, id, Kv1Body(dek, marks));
  if (!written.ok() && !net::MayHaveArrived(written)) {
    return written;
  }
  const Result<KvRead> read = kv_.Read(context, id);
  if (read.ok() && read->state == KvRead::State::kPresent && SameSecret(read->passphrase, dek) &&
      read->marks.revision == marks.revision) {
    return VersionOf(dek, marks.revision);
  }
  if (!written.ok()) {
    // Never as a refusal: one of its tries may land yet.
    return Unavailable(Cat(FateOfWrite(read), ": ", Message(written)));
  }
  RETURN_IF_ERROR(read.status());
  return Aborted(Cat("what was written to ", kv_.PathOf(id), " is not what stands there now: ",
                     "somebody else writes there without the volume lock, or a standby lags"));
}

Result<std::string> Kv1DekStore::Create(const Context& context,
                                        std::string_view volume_id,
                                        const Secret& dek) {
  const Result<KvRead> read = kv_.Read(context, volume_id);
  // A secret that holds something else is somebody's, too.
  if (read.status().code() == Code::kDataLoss ||
      (read.ok() && read->state == KvRead::State::kPresent)) {
    return AlreadyExists(
        Cat("volume ", volume_id, ": a DEK is stored already at ", kv_.PathOf(volume_id)));
  }
  RETURN_IF_ERROR(read.status());
  return WriteAndProve(context, volume_id, dek, {});
}

Result<std::string> Kv1DekStore::Replace(const Context& context,
                                         std::string_view volume_id,
                                         std::string_view expected_version,
                                         const Secret& dek) {
  ASSIGN_OR_RETURN(const KvRead current, ReadPresent(context, volume_id));
  if (VersionOf(current.passphrase, current.marks.revision) != expected_version) {
    return Aborted(Cat("volume ", volume_id, ": the DEK at ", kv_.PathOf(volume_id),
                       " is not the one that was read: somebody else replaced it"));
  }
  ASSIGN_OR_RETURN(const Secret random, RandomSecret(kRevisionBytes));
  Kv1Marks marks{.revision = HexEncode(random.Reveal()), .previous = current.marks.previous};
  if (SameSecret(current.passphrase, dek)) {
    return WriteAndProve(context, volume_id, dek, marks);
  }
  marks.previous = kPreviousPlaces[current.marks.previous == kPreviousPlaces[0] ? 1 : 0];
  RETURN_IF_ERROR(
      WriteAndProve(context, PreviousId(volume_id, marks.previous), current.passphrase, {})
          .status());
  Result<std::string> version = WriteAndProve(context, volume_id, dek, marks);
  if (version.ok() && IsPlace(current.marks.previous)) {
    // What stays of it is overwritten by the next replacement, or removed with the volume.
    static_cast<void>(kv_.Delete(context, PreviousId(volume_id, current.marks.previous)));
  }
  return version;
}

Result<kms::StoredDek> Kv1DekStore::FetchPrevious(const Context& context,
                                                  std::string_view volume_id) {
  ASSIGN_OR_RETURN(const KvRead current, ReadPresent(context, volume_id));
  if (!IsPlace(current.marks.previous)) {
    return NotFound(Cat("volume ", volume_id, ": no previous DEK is kept"));
  }
  Result<kms::StoredDek> previous = Fetch(context, PreviousId(volume_id, current.marks.previous));
  if (previous.ok()) {
    previous->version = Cat("previous-", previous->version);
  }
  return previous;
}

Status Kv1DekStore::RemovePrevious(const Context& context, std::string_view volume_id) {
  RETURN_IF_ERROR(context.Check("remove the previous DEK"));
  for (const std::string_view place : kPreviousPlaces) {
    RETURN_IF_ERROR(kv_.Delete(context, PreviousId(volume_id, place)));
  }
  return OkStatus();
}

Status Kv1DekStore::Remove(const Context& context, std::string_view volume_id) {
  RETURN_IF_ERROR(RemovePrevious(context, volume_id));
  return kv_.Delete(context, volume_id);
}

}  // namespace rbdcrypt::vault
