// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/encrypted_volume.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/crash_point.h"
#include "base/strings.h"
#include "base/uuid.h"
#include "rbd/first_dek.h"
#include "rbd/first_metadata.h"
#include "rbd/image_users.h"
#include "rbd/luks/binary_header.h"
#include "rbd/luks/blank_header.h"
#include "rbd/luks/layout.h"
#include "rbd/names.h"
#include "rbd/sent_dek.h"

namespace rbdcrypt::rbd {
namespace {

using luks::HeaderState;

luks::KdfProfile KdfFor(const kms::Kms& kms) {
  return kms.dek_kind() == kms::DekKind::kHumanPassphrase ? luks::KdfProfile::kHumanPassphrase
                                                          : luks::KdfProfile::kRandomDek;
}

}  // namespace

Result<EncryptionState> ReadEncryptionState(Image& image) {
  ASSIGN_OR_RETURN(const std::string text,
                   FirstMetadata(image, {kMetaEncrypted, kMetaEncryptedLegacy}));
  return ParseEncryptionState(text, image.Id());
}

Result<EncryptionState> ParseEncryptionState(std::string_view text, std::string_view image_id) {
  const std::string_view value = Trim(text);
  if (value.empty()) {
    return EncryptionState::kNone;
  }
  if (value == kStatePrepared) {
    return EncryptionState::kPrepared;
  }
  if (value == kStateEncrypted) {
    return EncryptionState::kEncrypted;
  }
  return DataLoss(Cat("image ", image_id, ": its metadata ", kMetaEncrypted, " is neither ",
                      kStatePrepared, " nor ", kStateEncrypted,
                      "; nothing was written; set it right by hand"));
}

EncryptedVolume::EncryptedVolume(Image& image, kms::Kms& kms, std::string volume_id)
    : image_(image), kms_(kms), volume_id_(std::move(volume_id)), store_(image, kms) {}

std::string EncryptedVolume::Named(std::string_view text) const {
  return Cat("volume ", volume_id_, ", KMS ", kms_.id(), ": ", text);
}

Status EncryptedVolume::Format(const Context& context,
                               VolumeLock& lock,
                               const luks::CipherSpec& cipher,
                               Origin origin) {
  RETURN_IF_ERROR(CheckNobodyElse());
  ASSIGN_OR_RETURN(const EncryptionState state, ReadEncryptionState(image_));
  if (state == EncryptionState::kEncrypted) {
    return Open(context).status();
  }
  RETURN_IF_ERROR(lock.EnsureHeld());
  FirstDek first_dek(image_, kms_, store_, volume_id_);
  ASSIGN_OR_RETURN(const Secret dek, first_dek.Get(context));
  if (state == EncryptionState::kNone) {
    RETURN_IF_ERROR(lock.EnsureHeld());
    RETURN_IF_ERROR(AfterEffect("create.state-prepared", MarkPrepared(origin)));
  }
  ASSIGN_OR_RETURN(const luks::Inspection found, InspectImage(context, origin));
  ASSIGN_OR_RETURN(const bool needs_header, NeedsHeader(context, found, dek, origin));
  if (needs_header) {
    RETURN_IF_ERROR(WriteHeader(context, lock, found, cipher, dek));
  }
  RETURN_IF_ERROR(Annotate(luks::ProveOpens(context, image_, dek).status(),
                           Named("prove that the DEK opens the new header")));
  RETURN_IF_ERROR(lock.EnsureHeld());
  RETURN_IF_ERROR(first_dek.Settle(context));
  return AfterEffect("create.state-encrypted", MarkEncrypted(context));
}

Status EncryptedVolume::MarkPrepared(Origin origin) {
  std::map<std::string, std::string> metadata = {{kMetaEncrypted, kStatePrepared}};
  if (origin == Origin::kCreatedNow) {
    metadata.emplace(kMetaHeaderUuid, NewUuid());
  }
  return image_.SetAllMetadata(metadata);
}

Status EncryptedVolume::MarkEncrypted(const Context& context) {
  return image_.SetAllMetadata(
      {{kMetaEncrypted, kStateEncrypted},
       {kMetaDekMadeAt, std::to_string(UnixTime(context.clock()).count())}});
}

// What this very call created, under the lock, nobody has written to: the megabytes in which
// another tool's second copy could hide need no reading.
Result<luks::Inspection> EncryptedVolume::InspectImage(const Context& context, Origin origin) {
  if (origin == Origin::kCreatedNow) {
    return luks::Inspect(std::vector<std::byte>(2 * luks::kDefaultCopyBytes));
  }
  return luks::InspectImage(context, image_);
}

Status EncryptedVolume::CheckNobodyElse() {
  ASSIGN_OR_RETURN(const std::string others, OtherUsers(image_));
  if (!others.empty()) {
    return Aborted(Named(Cat("the image is open at ", others, " while it has no header yet; ",
                             "nothing was written; retry")));
  }
  ASSIGN_OR_RETURN(const bool has_snapshots, image_.HasSnapshots());
  if (has_snapshots) {
    return FailedPrecondition(
        Named("the image has no LUKS header but a snapshot; it is not "
              "formatted; remove the snapshot if the volume is new"));
  }
  return OkStatus();
}

Result<std::string> EncryptedVolume::RecordedUuid() {
  return FirstMetadata(image_, {kMetaHeaderUuid});
}

// Safety A2. False: the header is there and the DEK opens it.
Result<bool> EncryptedVolume::NeedsHeader(const Context& context,
                                          const luks::Inspection& found,
                                          const Secret& dek,
                                          Origin origin) {
  std::uint64_t data_offset = luks::kDefaultDataOffsetBytes;
  if (found.state == HeaderState::kLuks2) {
    const Result<OpenedHeader> opened = OpenWith(context, dek.Clone());
    if (opened.ok()) {
      return false;
    }
    const bool has_no_slot = found.layout->metadata.keyslots.empty();
    if (opened.status().code() != Code::kUnauthenticated && !has_no_slot) {
      return opened.status();
    }
    data_offset = std::min(data_offset, found.layout->DataOffsetBytes());
  }
  if (origin == Origin::kFound) {
    RETURN_IF_ERROR(CheckNoData(data_offset));
  }
  RETURN_IF_ERROR(CheckReplaceable(context, found));
  return true;
}

Status EncryptedVolume::CheckNoData(std::uint64_t from_bytes) {
  ASSIGN_OR_RETURN(const std::optional<Extent> data, image_.FirstExtentFrom(from_bytes));
  if (!data.has_value()) {
    return OkStatus();
  }
  return FailedPrecondition(
      Named(Cat("the image has no header that its DEK opens, yet data at byte ", data->offset_bytes,
                "; it is not formatted. Restore the DEK that belongs to the "
                "header (an older version in the key manager), or, if the data is worthless, ",
                "delete the volume")));
}

Status EncryptedVolume::CheckReplaceable(const Context& context, const luks::Inspection& found) {
  if (found.state == HeaderState::kEmpty) {
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const std::string recorded, RecordedUuid());
  const bool is_ours = !recorded.empty() && found.uuid == recorded;
  if (is_ours && (found.state == HeaderState::kLuks2 || found.state == HeaderState::kDamaged)) {
    return OkStatus();
  }
  if (found.state != HeaderState::kLuks2) {
    return FailedPrecondition(
        Named(Cat("the image begins with something that is no LUKS2 header "
                  "of this driver (",
                  found.problem, "); it is not formatted")));
  }
  if (!found.layout->metadata.keyslots.empty()) {
    ASSIGN_OR_RETURN(const bool answers_to_previous, OpensWithPrevious(context));
    if (answers_to_previous) {
      return FailedPrecondition(
          Named("the header answers to the previous DEK, not to the current "
                "one; it is not formatted; make that DEK current again"));
    }
  }
  return OkStatus();
}

Status EncryptedVolume::WriteHeader(const Context& context,
                                    VolumeLock& lock,
                                    const luks::Inspection& found,
                                    const luks::CipherSpec& cipher,
                                    const Secret& dek) {
  RETURN_IF_ERROR(context.Check(Named("write the LUKS header")));
  luks::FormatOptions options;
  options.cipher = cipher;
  options.kdf = KdfFor(kms_);
  options.replace_existing = true;
  ASSIGN_OR_RETURN(options.uuid, RecordedUuid());
  if (options.uuid.empty()) {
    options.uuid = NewUuid();
    RETURN_IF_ERROR(
        AfterEffect("create.header-uuid", image_.SetMetadata(kMetaHeaderUuid, options.uuid)));
  }
  Result<luks::Header> header = luks::Header::Format(found, options, dek);
  if (!header.ok()) {
    return Annotate(header.status(), Named("make the LUKS header"));
  }
  RETURN_IF_ERROR(lock.EnsureHeld());
  return Annotate(header->WriteBack(context, image_), Named("write the LUKS header"));
}

Result<OpenedHeader> EncryptedVolume::OpenWith(const Context& context, Secret dek) {
  Result<luks::Header> header = luks::Header::Load(context, image_);
  if (header.status().code() == Code::kFailedPrecondition) {
    return DataLoss(Named(Cat("the volume is encrypted but has no usable LUKS header (",
                              Message(header.status()), "); nothing was written; restore the ",
                              "header from a backup or the volume from a snapshot")));
  }
  if (!header.ok()) {
    return Annotate(header.status(), Named("load the LUKS header"));
  }
  const Result<int> slot = header->TestPassphrase(context, dek);
  if (slot.status().code() == Code::kUnauthenticated) {
    return Unauthenticated(Named(Cat("open the LUKS header with the stored DEK: ",
                                     Message(slot.status()), "; nothing was written; restore the ",
                                     "DEK that belongs to the header, an older version in the ",
                                     "key manager or a backup of it")));
  }
  if (!slot.ok()) {
    return Annotate(slot.status(), Named("open the LUKS header with the stored DEK"));
  }
  const luks::Metadata& metadata = header->layout().metadata;
  if (metadata.segments.empty()) {
    return DataLoss(Named("the LUKS header has no segment"));
  }
  if (!metadata.segments.front().integrity.empty()) {
    return FailedPrecondition(
        Named(Cat("its LUKS header asks for dm-integrity (", metadata.segments.front().integrity,
                  "), which no mapper of this driver sets up; open it with cryptsetup")));
  }
  OpenedHeader opened;
  opened.dek = std::move(dek);
  opened.keyslot = *slot;
  opened.cipher = metadata.segments.front().cipher;
  opened.sector_bytes = static_cast<std::uint32_t>(metadata.segments.front().sector_bytes);
  opened.data_offset_bytes = header->DataOffsetBytes();
  opened.kdf_memory_bytes = header->layout().FindKeyslot(*slot)->kdf.memory_kib * 1024;
  for (const luks::Keyslot& other : metadata.keyslots) {
    opened.max_kdf_memory_bytes =
        std::max<std::uint64_t>(opened.max_kdf_memory_bytes, other.kdf.memory_kib * 1024);
  }
  return opened;
}

Result<Secret> EncryptedVolume::FetchDek(const Context& context) {
  Result<kms::StoredDek> stored = store_->Fetch(context, volume_id_);
  if (!stored.ok()) {
    return Annotate(stored.status(), Named("fetch the DEK"));
  }
  return std::move(stored->dek);
}

Result<bool> EncryptedVolume::HasPreviousDek(const Context& context) {
  const Status fetched = store_->FetchPrevious(context, volume_id_).status();
  if (fetched.code() == Code::kNotFound) {
    return false;
  }
  RETURN_IF_ERROR(fetched);
  return true;
}

Result<OpenedHeader> EncryptedVolume::OpenWithCurrent(const Context& context) {
  ASSIGN_OR_RETURN(Secret dek, FetchDek(context));
  return OpenWith(context, std::move(dek));
}

// Only "there is none" and "it opens nothing" mean no (safety A4).
Result<bool> EncryptedVolume::OpensWithPrevious(const Context& context) {
  const Status opened = OpenWithPrevious(context).status();
  if (opened.code() == Code::kNotFound || opened.code() == Code::kUnauthenticated) {
    return false;
  }
  RETURN_IF_ERROR(opened);
  return true;
}

Result<OpenedHeader> EncryptedVolume::OpenWithPrevious(const Context& context) {
  Result<kms::StoredDek> previous = store_->FetchPrevious(context, volume_id_);
  RETURN_IF_ERROR(previous.status());
  ASSIGN_OR_RETURN(OpenedHeader opened, OpenWith(context, std::move(previous->dek)));
  opened.is_previous = true;
  return opened;
}

Result<OpenedHeader> EncryptedVolume::Open(const Context& context) {
  RETURN_IF_ERROR(context.Check(Named("open the LUKS header")));
  ASSIGN_OR_RETURN(Secret dek, FetchDek(context));
  return OpenFetched(context, std::move(dek));
}

Result<OpenedHeader> EncryptedVolume::OpenFetched(const Context& context, Secret dek) {
  Result<OpenedHeader> opened = OpenWith(context, std::move(dek));
  if (opened.status().code() == Code::kUnauthenticated) {
    opened = OpenWithCurrent(context);
  }
  if (opened.status().code() != Code::kUnauthenticated) {
    return opened;
  }
  Result<OpenedHeader> previous = OpenWithPrevious(context);
  const Code code = previous.status().code();
  const bool is_no = code == Code::kNotFound || code == Code::kUnauthenticated;
  return is_no ? std::move(opened) : std::move(previous);
}

}  // namespace rbdcrypt::rbd
