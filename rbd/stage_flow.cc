// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/stage_flow.h"

#include <string_view>
#include <utility>
#include <vector>

#include "base/crash_point.h"
#include "base/log.h"
#include "base/strings.h"
#include "rbd/image_users.h"
#include "rbd/luks/layout.h"
#include "rbd/names.h"

namespace rbdcrypt::rbd {
namespace {

Result<LocatedVolume> LocateFor(const VolumeFlowParts& parts,
                                const Context& context,
                                const Caller& caller,
                                std::string_view volume_id,
                                const StageHints& hints) {
  if (hints.static_volume.has_value()) {
    return parts.locator.LocateStatic(context, caller, *hints.static_volume,
                                      ConnectionUse::kUnderLock);
  }
  return parts.locator.Locate(context, caller, volume_id, ConnectionUse::kUnderLock);
}

VolumeLock::Place PlaceOf(const LocatedVolume& volume) {
  return {.connection = *volume.connection,
          .pool = *volume.pool,
          .volume_id = volume.volume_id,
          .image_name = volume.entry.image_name};
}

// Made, or being made, or not marked at all.
enum class Mark { kNone, kMaking, kMade };

Result<Mark> ReadMark(Image& image) {
  const Result<std::string> mark = image.GetMetadata(kMetaFilesystem);
  if (mark.status().code() == Code::kNotFound) {
    return Mark::kNone;
  }
  RETURN_IF_ERROR(mark.status());
  if (*mark == kFilesystemMade) {
    return Mark::kMade;
  }
  if (*mark == kFilesystemMaking) {
    return Mark::kMaking;
  }
  return DataLoss(Cat("image ", image.Id(), ": its metadata ", kMetaFilesystem, " is neither ",
                      kFilesystemMaking, " nor ", kFilesystemMade,
                      "; nothing was written; set it right by hand"));
}

// Safety A3, for an image whose usable bytes begin at `data_offset`.
Result<FilesystemState> ReadFilesystemState(Image& image, std::uint64_t data_offset) {
  ASSIGN_OR_RETURN(const Mark mark, ReadMark(image));
  if (mark == Mark::kMade) {
    return FilesystemState::kMade;
  }
  if (mark == Mark::kMaking) {
    return FilesystemState::kBlank;
  }
  ASSIGN_OR_RETURN(const auto data, image.FirstExtentFrom(data_offset));
  return data.has_value() ? FilesystemState::kMade : FilesystemState::kBlank;
}

// One NodeStage's questions to the cluster, in order.
class StagePreparation {
 public:
  StagePreparation(const VolumeFlowParts& parts,
                   const Context& context,
                   const Caller& caller,
                   const StageHints& hints)
      : parts_(parts), context_(context), caller_(caller), hints_(hints) {}

  Result<StageableVolume> Run(std::string_view volume_id);

 private:
  Status OpenAlone();
  Result<std::string> OpenAndListOthers(OpenMode mode);
  bool MustBeAlone() const;
  Result<bool> IsEncrypted();
  Status CheckPlain();
  Status OpenEncrypted(StageableVolume& stageable);
  Status FormatPrepared(kms::Kms& kms);
  Result<std::shared_ptr<kms::Kms>> OpenKms();
  void ReportPreviousDek() const;

  const VolumeFlowParts& parts_;
  const Context& context_;
  const Caller& caller_;
  const StageHints& hints_;
  LocatedVolume volume_;
  std::unique_ptr<Image> image_;
  EncryptionState state_ = EncryptionState::kNone;
};

Result<StageableVolume> StagePreparation::Run(std::string_view volume_id) {
  ASSIGN_OR_RETURN(volume_, LocateFor(parts_, context_, caller_, volume_id, hints_));
  RETURN_IF_ERROR(OpenAlone());
  StageableVolume stageable;
  ASSIGN_OR_RETURN(const bool is_encrypted, IsEncrypted());
  std::uint64_t data_offset = 0;
  if (is_encrypted) {
    RETURN_IF_ERROR(OpenEncrypted(stageable));
    data_offset = stageable.header->data_offset_bytes;
  } else {
    RETURN_IF_ERROR(CheckPlain());
  }
  if (!hints_.is_block && !hints_.static_volume.has_value()) {
    ASSIGN_OR_RETURN(stageable.filesystem, ReadFilesystemState(*image_, data_offset));
  }
  ASSIGN_OR_RETURN(stageable.cluster_fsid, volume_.connection->Fsid());
  stageable.cluster = volume_.cluster;
  stageable.pool = volume_.pool->name();
  stageable.rados_namespace = volume_.pool->rados_namespace();
  stageable.image_name = volume_.entry.image_name;
  ASSIGN_OR_RETURN(stageable.image_size_bytes, image_->SizeBytes());
  ASSIGN_OR_RETURN(stageable.features, image_->Features());
  if (MustBeAlone() && !hints_.is_read_only) {
    stageable.watch = std::make_unique<OpenImage>(OpenImage{std::move(volume_), std::move(image_)});
  }
  return stageable;
}

bool StagePreparation::MustBeAlone() const {
  return !hints_.may_be_open_elsewhere;
}

// Opened for writing, an image is watched; for reading only, it is not.
Result<std::string> StagePreparation::OpenAndListOthers(OpenMode mode) {
  image_.reset();
  ASSIGN_OR_RETURN(image_, volume_.pool->images().Open(volume_.entry.image_name, mode));
  if (!MustBeAlone()) {
    return std::string();
  }
  ASSIGN_OR_RETURN(std::string others, OtherUsers(*image_));
  if (!others.empty()) {
    // Another node that waits, too, must not wait for us.
    image_.reset();
  }
  return others;
}

Status StagePreparation::OpenAlone() {
  const bool watches = MustBeAlone() && !hints_.is_read_only;
  const OpenMode mode = watches ? OpenMode::kReadWrite : OpenMode::kReadOnly;
  return WaitUntilUnused(
      context_, [&] { return OpenAndListOthers(mode); },
      Cat("volume ", volume_.volume_id, " (image ", volume_.entry.image_name, ")"));
}

// Safety A5: whoever calls it encrypted is believed.
Result<bool> StagePreparation::IsEncrypted() {
  if (volume_.entry.encryption_type == kEncryptionTypeFile) {
    return FailedPrecondition(Cat("volume ", volume_.volume_id, ": its encryptionType is file ",
                                  "(fscrypt), which this driver does not serve; keep it with ",
                                  "ceph-csi or copy its data to a volume of type block"));
  }
  ASSIGN_OR_RETURN(state_, ReadEncryptionState(*image_));
  return !volume_.entry.kms_id.empty() || hints_.encryption.has_value() ||
         state_ != EncryptionState::kNone;
}

// A block volume may hold a LUKS header of its user's own.
Status StagePreparation::CheckPlain() {
  if (hints_.is_block) {
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const luks::Inspection found, luks::InspectImage(context_, *image_));
  switch (found.state) {
    case luks::HeaderState::kEmpty:
    case luks::HeaderState::kForeign:
      return OkStatus();
    default:
      return FailedPrecondition(Cat("volume ", volume_.volume_id, ": it is not marked encrypted, ",
                                    "yet begins with a LUKS header; it is not mounted. If it is ",
                                    "encrypted, set image metadata ", kMetaEncrypted, " to ",
                                    kStateEncrypted, " and its class's encrypted parameter"));
  }
}

Result<std::shared_ptr<kms::Kms>> StagePreparation::OpenKms() {
  // The volume context wins, as in ceph-csi (5.4); then the journal.
  const bool has_hint = hints_.encryption.has_value();
  const kms::KmsRequest request{
      .kms_id = has_hint ? hints_.encryption->kms_id : volume_.entry.kms_id,
      .tenant = volume_.entry.owner,
      .secrets = caller_.secrets};
  Result<std::shared_ptr<kms::Kms>> kms = parts_.kms.Open(context_, request);
  if (!kms.ok()) {
    return Annotate(kms.status(), Cat("volume ", volume_.volume_id, ", KMS ", request.kms_id));
  }
  return kms;
}

Status StagePreparation::OpenEncrypted(StageableVolume& stageable) {
  ASSIGN_OR_RETURN(const std::shared_ptr<kms::Kms> kms, OpenKms());
  if (state_ != EncryptionState::kEncrypted) {
    RETURN_IF_ERROR(FormatPrepared(*kms));
  }
  EncryptedVolume volume(*image_, *kms, volume_.volume_id);
  ASSIGN_OR_RETURN(stageable.header, volume.Open(context_));
  if (stageable.header->is_previous) {
    ReportPreviousDek();
  }
  return OkStatus();
}

// What ceph-csi, or a create that was killed, left without a header (safety A1).
Status StagePreparation::FormatPrepared(kms::Kms& kms) {
  if (hints_.static_volume.has_value() || state_ == EncryptionState::kNone) {
    return FailedPrecondition(Cat("volume ", volume_.volume_id,
                                  ": it is to be encrypted, but image ", "metadata ",
                                  kMetaEncrypted, " is not set: its creation did not ",
                                  "end, or it was never encrypted; nothing is written to it"));
  }
  if (hints_.is_read_only) {
    return FailedPrecondition(Cat("volume ", volume_.volume_id, ": it has no LUKS header yet and ",
                                  "is staged read-only; stage it for writing first"));
  }
  image_.reset();
  ASSIGN_OR_RETURN(const auto lock, VolumeLock::Acquire(context_, PlaceOf(volume_), parts_.lock));
  ASSIGN_OR_RETURN(image_,
                   volume_.pool->images().Open(volume_.entry.image_name, OpenMode::kReadWrite));
  const luks::CipherSpec cipher =
      hints_.encryption.has_value() ? hints_.encryption->cipher : luks::CipherSpec{};
  EncryptedVolume volume(*image_, kms, volume_.volume_id);
  return volume.Format(context_, *lock, cipher, EncryptedVolume::Origin::kFound);
}

void StagePreparation::ReportPreviousDek() const {
  LogWarn("opened_with_previous_dek", {{"volume", volume_.volume_id},
                                       {"image", volume_.entry.image_name},
                                       {"kms_id", volume_.entry.kms_id},
                                       {"request_id", context_.request_id()}});
  if (parts_.metrics != nullptr) {
    parts_.metrics->CountEvent("opened_with_previous_dek");
  }
}

// Where the usable bytes of a volume begin.
Result<std::uint64_t> DataOffset(const Context& context,
                                 const LocatedVolume& volume,
                                 Image& image) {
  ASSIGN_OR_RETURN(const EncryptionState state, ReadEncryptionState(image));
  if (volume.entry.kms_id.empty() && state == EncryptionState::kNone) {
    return 0;
  }
  ASSIGN_OR_RETURN(const luks::Header header, luks::Header::Load(context, image));
  return header.DataOffsetBytes();
}

// Keeps what it needs alive: connection and pool, lock, image, in this order. A mkfs that failed
// leaves "making": the next one may make it again.
class LockedFilesystemMaking final : public FilesystemMaking {
 public:
  LockedFilesystemMaking(LocatedVolume volume,
                         std::unique_ptr<Image> image,
                         std::unique_ptr<VolumeLock> lock)
      : volume_(std::move(volume)), lock_(std::move(lock)), image_(std::move(image)) {}

  Status Begin(const Context& context) {
    RETURN_IF_ERROR(ClaimDevice());
    ASSIGN_OR_RETURN(const std::uint64_t data_offset, DataOffset(context, volume_, *image_));
    ASSIGN_OR_RETURN(const FilesystemState state, ReadFilesystemState(*image_, data_offset));
    if (state != FilesystemState::kBlank) {
      return FailedPrecondition(Cat("volume ", volume_.volume_id,
                                    ": it is no longer blank; no file system is made on it"));
    }
    return AfterEffect("stage.filesystem-making",
                       image_->SetMetadata(kMetaFilesystem, kFilesystemMaking));
  }

  Status Commit() override {
    RETURN_IF_ERROR(lock_->EnsureHeld());
    return AfterEffect("stage.filesystem-made",
                       image_->SetMetadata(kMetaFilesystem, kFilesystemMade));
  }

 private:
  // mkfs writes through the device's own client. If this process stands still in the middle,
  // whoever takes over must shut out that one, too.
  Status ClaimDevice() {
    ASSIGN_OR_RETURN(const std::vector<Watcher> watchers, image_->Watchers());
    std::vector<std::string> others;
    for (const Watcher& watcher : watchers) {
      if (!watcher.is_self) {
        others.push_back(watcher.address);
      }
    }
    if (others.size() > 1) {
      return Aborted(Cat("volume ", volume_.volume_id, ": image ", volume_.entry.image_name,
                         " is open at ", Join(others, ", "), ", and only its device here may be; ",
                         "no file system is made; retry"));
    }
    return others.empty() ? OkStatus() : lock_->AlsoFence(others);
  }

  LocatedVolume volume_;
  std::unique_ptr<VolumeLock> lock_;
  std::unique_ptr<Image> image_;
};

}  // namespace

StageFlow::StageFlow(const VolumeFlowParts& parts) : parts_(parts) {}

Result<StageableVolume> StageFlow::Prepare(const Context& context,
                                           const Caller& caller,
                                           std::string_view volume_id,
                                           const StageHints& hints) {
  return StagePreparation(parts_, context, caller, hints).Run(volume_id);
}

Result<std::unique_ptr<FilesystemMaking>> StageFlow::MakeFilesystem(const Context& context,
                                                                    const Caller& caller,
                                                                    std::string_view volume_id,
                                                                    const StageHints& hints) {
  ASSIGN_OR_RETURN(LocatedVolume volume, LocateFor(parts_, context, caller, volume_id, hints));
  ASSIGN_OR_RETURN(auto lock, VolumeLock::Acquire(context, PlaceOf(volume), parts_.lock));
  ASSIGN_OR_RETURN(auto image,
                   volume.pool->images().Open(volume.entry.image_name, OpenMode::kReadWrite));
  auto making = std::make_unique<LockedFilesystemMaking>(std::move(volume), std::move(image),
                                                         std::move(lock));
  RETURN_IF_ERROR(making->Begin(context));
  return std::unique_ptr<FilesystemMaking>(std::move(making));
}

Result<std::unique_ptr<LockedVolume>> StageFlow::Lock(const Context& context,
                                                      const Caller& caller,
                                                      std::string_view volume_id) {
  auto locked = std::make_unique<LockedVolume>();
  ASSIGN_OR_RETURN(locked->volume,
                   parts_.locator.Locate(context, caller, volume_id, ConnectionUse::kUnderLock));
  ASSIGN_OR_RETURN(locked->lock,
                   VolumeLock::Acquire(context, PlaceOf(locked->volume), parts_.lock));
  return locked;
}

}  // namespace rbdcrypt::rbd
