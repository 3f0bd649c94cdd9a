// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/kv2_dek_store.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/retry.h"
#include "base/strings.h"
#include "net/http_client.h"
#include "vault/names.h"

namespace rbdcrypt::vault {
namespace {

using std::chrono::milliseconds;

// A standby that lags catches up within this many tries, or the call gives up.
constexpr RetryOptions kStaleRetry = {
    .max_attempts = 6, .base = milliseconds(200), .cap = milliseconds(3000)};

// Versions destroyed by one request; mounts keep ten unless told otherwise (vault.md 6).
constexpr std::uint64_t kMaxDestroyed = 400;

// Versions looked at for the previous DEK. Each interrupted rotation may add one of the same DEK.
constexpr std::uint64_t kMaxLookedAt = 10;

// Never a refusal: one of its tries may land yet.
Status Unsettled(const Status& written, std::string_view fate) {
  return IsTransient(written) ? Annotate(written, fate)
                              : Unavailable(Cat(fate, ": ", Message(written)));
}

}  // namespace

Kv2DekStore::Kv2DekStore(Kv& kv, VersionFloors& floors, Options options)
    : kv_(kv), floors_(floors), options_(std::move(options)) {}

std::string Kv2DekStore::FloorKey(std::string_view volume_id) const {
  return Cat(options_.floor_key, " ", kv_.PathOf(volume_id));
}

// Reads the present state: an answer older than what this process knows is asked for again, and
// returned as it is where that does not help.
Result<Kv2DekStore::Look> Kv2DekStore::LookAt(const Context& context, std::string_view volume_id) {
  const std::uint64_t floor = floors_.Of(context.clock(), FloorKey(volume_id));
  Result<KvRead> read = Unavailable("not read");
  // Of a read that failed the client has made its tries.
  const Status done = Retry(context, kStaleRetry, [&] {
    read = kv_.Read(context, volume_id);
    return read.ok() && read->version < floor ? Unavailable("too old") : OkStatus();
  });
  RETURN_IF_ERROR(read.status());
  if (!done.ok()) {
    RETURN_IF_ERROR(context.Check("read the DEK anew"));
  } else if (read->version > 0) {
    floors_.Raise(context.clock(), FloorKey(volume_id), read->version);
  }
  return Look{.read = *std::move(read), .floor = floor};
}

Result<KvRead> Kv2DekStore::ReadPresent(const Context& context, std::string_view volume_id) {
  ASSIGN_OR_RETURN(Look look, LookAt(context, volume_id));
  if (look.read.version < look.floor) {
    return Lags(volume_id, look);
  }
  return std::move(look.read);
}

Status Kv2DekStore::Lags(std::string_view volume_id, const Look& look) const {
  return Unavailable(Cat(kv_.PathOf(volume_id), ": Vault answered version ", look.read.version,
                         " of the DEK, but version ", look.floor,
                         " was written: a standby lags; let vaultAddress name the nodes one by ",
                         "one, or only the active one"));
}

Status Kv2DekStore::Absent(std::string_view volume_id, const KvRead& read) const {
  if (read.state == KvRead::State::kDeleted) {
    return NotFound(Cat("volume ", volume_id, ": version ", read.version, " of its DEK at ",
                        kv_.PathOf(volume_id), " is deleted",
                        read.deletion_time.empty() ? "" : Cat(" since ", read.deletion_time),
                        "; undelete it in Vault if the volume still needs it"));
  }
  return NotFound(Cat("volume ", volume_id, ": no DEK is stored at ", kv_.PathOf(volume_id),
                      "; restore it from a backup of Vault, or correct the entry's paths"));
}

Status Kv2DekStore::Gone(std::string_view volume_id, const Look& look) const {
  return NotFound(
      Cat("volume ", volume_id, ": no DEK is stored at ", kv_.PathOf(volume_id),
          " any more, and version ", look.floor, " was there a minute ago or less: it was ",
          "removed (restore it from a backup of Vault), or a standby lags (try again)"));
}

Result<kms::StoredDek> Kv2DekStore::Fetch(const Context& context, std::string_view volume_id) {
  ASSIGN_OR_RETURN(Look look, LookAt(context, volume_id));
  KvRead& read = look.read;
  if (read.version < look.floor) {
    return read.version == 0 ? Gone(volume_id, look) : Lags(volume_id, look);
  }
  if (read.state != KvRead::State::kPresent) {
    return Absent(volume_id, read);
  }
  WarnIfItVanishes(volume_id, read.deletion_time);
  return kms::StoredDek{.dek = std::move(read.passphrase), .version = std::to_string(read.version)};
}

Result<Kv2DekStore::Settled> Kv2DekStore::WriteAndSettle(const Context& context,
                                                         std::string_view volume_id,
                                                         const Secret& dek,
                                                         std::uint64_t cas) {
  RETURN_IF_ERROR(context.Check("write a DEK to Vault"));
  const Result<KvWritten> written = kv_.Write2(context, volume_id, dek, cas);
  if (written.ok() && !written->is_conflict) {
    WarnIfItVanishes(volume_id, written->deletion_time);
    floors_.Raise(context.clock(), FloorKey(volume_id), written->version);
    return Settled{.is_stored = true, .version = written->version};
  }
  const bool is_unknown =
      written.ok() ? written->was_repeated : net::MayHaveArrived(written.status());
  if (!is_unknown) {
    return written.ok() ? Result<Settled>(Settled{}) : written.status();
  }
  if (written.ok() && cas > 0) {
    // The conflict says that the current version is another: an answer with this one is old.
    floors_.Raise(context.clock(), FloorKey(volume_id), cas + 1);
  }
  const Result<KvRead> read = ReadPresent(context, volume_id);
  if (read.ok() && read->state == KvRead::State::kPresent && read->version > cas &&
      SameSecret(read->passphrase, dek)) {
    return Settled{.is_stored = true, .version = read->version};
  }
  if (written.ok()) {
    return read.ok() ? Result<Settled>(Settled{}) : read.status();
  }
  return Unsettled(written.status(), FateOfWrite(read));
}

Result<std::string> Kv2DekStore::Create(const Context& context,
                                        std::string_view volume_id,
                                        const Secret& dek) {
  ASSIGN_OR_RETURN(const Settled settled, WriteAndSettle(context, volume_id, dek, 0));
  return settled.is_stored ? Stored(context, volume_id, settled.version)
                           : CreateAfterConflict(context, volume_id, dek);
}

// Check-and-set 0 found a version: that of a DEK, or of one that was deleted.
Result<std::string> Kv2DekStore::CreateAfterConflict(const Context& context,
                                                     std::string_view volume_id,
                                                     const Secret& dek) {
  const Result<KvRead> found = ReadPresent(context, volume_id);
  // A secret that holds something else is somebody's, too.
  if (found.status().code() == Code::kDataLoss) {
    return AlreadyExists(Message(found.status()));
  }
  RETURN_IF_ERROR(found.status());
  const KvRead& read = *found;
  if (read.state == KvRead::State::kPresent) {
    return AlreadyExists(
        Cat("volume ", volume_id, ": a DEK is stored already at ", kv_.PathOf(volume_id)));
  }
  if (read.state == KvRead::State::kNever) {
    return Unavailable(Cat("volume ", volume_id, ": Vault refuses to create a DEK at ",
                           kv_.PathOf(volume_id),
                           " since there is one, and does not find it: a "
                           "standby lags"));
  }
  ASSIGN_OR_RETURN(const Settled settled, WriteAndSettle(context, volume_id, dek, read.version));
  if (!settled.is_stored) {
    return Aborted(Cat("volume ", volume_id, ": somebody else wrote a DEK to ",
                       kv_.PathOf(volume_id), " meanwhile"));
  }
  return Stored(context, volume_id, settled.version);
}

Result<std::string> Kv2DekStore::Stored(const Context& context,
                                        std::string_view volume_id,
                                        std::uint64_t version) {
  SetCustomMetadata(context, volume_id);
  return std::to_string(version);
}

// Best effort: a DEK that is stored is not doubted because of its labels.
void Kv2DekStore::SetCustomMetadata(const Context& context, std::string_view volume_id) {
  if (options_.custom_metadata.empty()) {
    return;
  }
  std::vector<std::pair<std::string, std::string>> metadata = options_.custom_metadata;
  metadata.emplace_back("volume", volume_id);
  const Status set = kv_.SetCustomMetadata(context, volume_id, metadata);
  if (!set.ok()) {
    options_.warn(Cat("custom metadata could not be set: ", Message(set)));
  }
}

Result<std::string> Kv2DekStore::Replace(const Context& context,
                                         std::string_view volume_id,
                                         std::string_view expected_version,
                                         const Secret& dek) {
  const std::optional<std::uint64_t> expected = ParseUint64(expected_version);
  if (expected.value_or(0) > 0) {
    ASSIGN_OR_RETURN(const Settled settled, WriteAndSettle(context, volume_id, dek, *expected));
    if (settled.is_stored) {
      return std::to_string(settled.version);
    }
  }
  ASSIGN_OR_RETURN(const KvRead read, ReadPresent(context, volume_id));
  if (read.state != KvRead::State::kPresent) {
    return Absent(volume_id, read);
  }
  return Aborted(Cat("volume ", volume_id, ": the DEK at ", kv_.PathOf(volume_id), " has version ",
                     read.version, ", not ", expected_version, ": somebody else replaced it"));
}

// The newest version that holds another DEK: one that was written again has several.
Result<kms::StoredDek> Kv2DekStore::FetchPrevious(const Context& context,
                                                  std::string_view volume_id) {
  ASSIGN_OR_RETURN(const KvRead current, ReadPresent(context, volume_id));
  if (current.state == KvRead::State::kPresent) {
    const std::uint64_t oldest =
        current.version > kMaxLookedAt ? current.version - kMaxLookedAt : 1;
    for (std::uint64_t version = current.version - 1; version >= oldest; --version) {
      ASSIGN_OR_RETURN(KvRead read, kv_.Read(context, volume_id, version));
      if (read.state != KvRead::State::kPresent) {
        break;
      }
      if (!SameSecret(read.passphrase, current.passphrase)) {
        return kms::StoredDek{.dek = std::move(read.passphrase),
                              .version = std::to_string(version)};
      }
    }
  }
  return NotFound(
      Cat("volume ", volume_id, ": no previous DEK is kept at ", kv_.PathOf(volume_id)));
}

Status Kv2DekStore::RemovePrevious(const Context& context, std::string_view volume_id) {
  RETURN_IF_ERROR(context.Check("destroy the previous DEK"));
  ASSIGN_OR_RETURN(const KvRead current, ReadPresent(context, volume_id));
  if (current.state == KvRead::State::kDeleted) {
    return Annotate(Absent(volume_id, current), "older versions are not destroyed");
  }
  if (current.version < 2) {
    return OkStatus();
  }
  std::vector<std::uint64_t> versions;
  const std::uint64_t oldest =
      current.version > kMaxDestroyed ? current.version - kMaxDestroyed : 1;
  for (std::uint64_t version = oldest; version < current.version; ++version) {
    versions.push_back(version);
  }
  return kv_.Destroy(context, volume_id, versions);
}

Status Kv2DekStore::Remove(const Context& context, std::string_view volume_id) {
  RETURN_IF_ERROR(context.Check("remove a DEK from Vault"));
  RETURN_IF_ERROR(options_.destroy_keys ? kv_.DeleteAll(context, volume_id)
                                        : kv_.Delete(context, volume_id));
  floors_.Forget(FloorKey(volume_id));
  return OkStatus();
}

void Kv2DekStore::WarnIfItVanishes(std::string_view volume_id, const std::string& deletion_time) {
  if (!deletion_time.empty()) {
    options_.warn(Cat("the DEK of volume ", volume_id, " at ", kv_.PathOf(volume_id),
                      " will be deleted by Vault itself at ", deletion_time,
                      ", and the volume cannot be opened any more: set delete_version_after of "
                      "the mount and of the secret to 0 and store the DEK anew"));
  }
}

}  // namespace rbdcrypt::vault
