// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/create_volume.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/crash_point.h"
#include "base/log.h"
#include "base/strings.h"
#include "kms/names.h"
#include "rbd/delete_volume.h"
#include "rbd/encrypted_volume.h"
#include "rbd/journal.h"
#include "rbd/names.h"
#include "rbd/volume_id.h"
#include "rbd/volume_lock.h"

namespace rbdcrypt::rbd {
namespace {

// One create, its steps in order.
class VolumeCreation {
 public:
  VolumeCreation(const Context& context,
                 const Caller& caller,
                 const VolumeFlowParts& parts,
                 const CreateVolumeSpec& spec)
      : context_(context), caller_(caller), parts_(parts), spec_(spec) {}

  Result<CreatedVolume> Run();

 private:
  Status OpenKms();
  Status OpenPools();
  Status MakeVolume();
  Result<bool> IsFinished();
  Result<bool> HasLabels();
  Status TakeLock();
  Status ReserveName();
  Status CheckSameRequest(const JournalEntry& entry) const;
  Result<bool> IsHalfDeleted(const JournalEntry& entry);
  Status FinishDelete(const JournalEntry& entry);
  Status EnsureImage();
  Status CreateImage();
  Status CheckSize();
  Result<bool> IsStillReserved();
  Status EnsureLabels();
  Status EnsureEncrypted();
  void TakeBack();
  std::string KmsId() const;
  Result<std::string> IdOf(const JournalEntry& entry) const;
  Journal TheJournal();

  Pool& journal_pool() { return separate_journal_pool_ ? *separate_journal_pool_ : *pool_; }

  const Context& context_;
  const Caller& caller_;
  const VolumeFlowParts& parts_;
  const CreateVolumeSpec& spec_;

  ClusterEntry cluster_;
  std::shared_ptr<Connection> connection_;
  std::unique_ptr<Pool> pool_;
  std::unique_ptr<Pool> separate_journal_pool_;
  std::shared_ptr<kms::Kms> kms_;
  JournalEntry entry_;
  std::string volume_id_;
  // Closed before the lock is released: whoever takes it next counts who has it open.
  std::unique_ptr<VolumeLock> lock_;
  std::unique_ptr<Image> image_;
  std::uint64_t size_bytes_ = 0;
  bool reserved_now_ = false;
  bool created_image_now_ = false;
};

Result<CreatedVolume> VolumeCreation::Run() {
  RETURN_IF_ERROR(OpenKms());
  RETURN_IF_ERROR(OpenPools());
  const Status made = MakeVolume();
  if (!made.ok()) {
    if (!IsTransient(made)) {
      TakeBack();
    }
    return made;
  }
  return CreatedVolume{.volume_id = volume_id_,
                       .image_name = entry_.image_name,
                       .pool = pool_->name(),
                       .journal_pool = journal_pool().name(),
                       .rados_namespace = pool_->rados_namespace(),
                       .size_bytes = size_bytes_};
}

Status VolumeCreation::OpenKms() {
  if (!spec_.encryption.has_value()) {
    return OkStatus();
  }
  const kms::KmsRequest request{
      .kms_id = KmsId(), .tenant = spec_.owner, .pvc = spec_.pvc, .secrets = caller_.secrets};
  Result<std::shared_ptr<kms::Kms>> kms = parts_.kms.Open(context_, request);
  if (!kms.ok()) {
    return Annotate(kms.status(),
                    Cat("volume name ", spec_.request_name, ", KMS ", request.kms_id));
  }
  kms_ = *std::move(kms);
  return OkStatus();
}

Status VolumeCreation::OpenPools() {
  ASSIGN_OR_RETURN(cluster_, parts_.locator.clusters().Find(spec_.cluster_id));
  ASSIGN_OR_RETURN(connection_,
                   parts_.locator.Connect(cluster_, caller_, ConnectionUse::kUnderLock));
  ASSIGN_OR_RETURN(pool_, connection_->OpenPool(spec_.pool, cluster_.rados_namespace));
  if (!spec_.journal_pool.empty() && spec_.journal_pool != spec_.pool) {
    ASSIGN_OR_RETURN(separate_journal_pool_,
                     connection_->OpenPool(spec_.journal_pool, cluster_.rados_namespace));
  }
  return OkStatus();
}

Status VolumeCreation::MakeVolume() {
  RETURN_IF_ERROR(ReserveName());
  if (!reserved_now_) {
    ASSIGN_OR_RETURN(const bool is_finished, IsFinished());
    if (is_finished) {
      return OkStatus();
    }
  }
  RETURN_IF_ERROR(TakeLock());
  RETURN_IF_ERROR(EnsureImage());
  RETURN_IF_ERROR(EnsureLabels());
  if (entry_.image_id != image_->Id()) {
    RETURN_IF_ERROR(TheJournal().StoreImageId(entry_, image_->Id()));
    entry_.image_id = image_->Id();
  }
  if (spec_.encryption.has_value()) {
    return EnsureEncrypted();
  }
  // Nobody locks a plain volume again but those who expand and delete it.
  return lock_->RemoveObject();
}

// Whether an earlier call did it all: then nothing is locked and nothing written.
Result<bool> VolumeCreation::IsFinished() {
  Result<std::unique_ptr<Image>> image =
      pool_->images().Open(entry_.image_name, OpenMode::kReadOnly);
  if (image.status().code() == Code::kNotFound) {
    return false;
  }
  RETURN_IF_ERROR(image.status());
  image_ = *std::move(image);
  RETURN_IF_ERROR(CheckSize());
  ASSIGN_OR_RETURN(const bool has_labels, HasLabels());
  bool is_finished = has_labels && entry_.image_id == image_->Id();
  if (is_finished && spec_.encryption.has_value()) {
    ASSIGN_OR_RETURN(const EncryptionState state, ReadEncryptionState(*image_));
    is_finished = state == EncryptionState::kEncrypted;
  }
  if (!is_finished) {
    image_.reset();
  }
  return is_finished;
}

// From here on nobody else makes, finishes, takes back or deletes this volume.
Status VolumeCreation::TakeLock() {
  const VolumeLock::Place place{.connection = *connection_,
                                .pool = *pool_,
                                .volume_id = volume_id_,
                                .image_name = entry_.image_name};
  ASSIGN_OR_RETURN(lock_, VolumeLock::Acquire(context_, place, parts_.lock));
  ASSIGN_OR_RETURN(const bool is_reserved, IsStillReserved());
  return is_reserved ? OkStatus()
                     : Aborted(Cat("volume ", volume_id_,
                                   ": its reservation was removed meanwhile; retry"));
}

Status VolumeCreation::ReserveName() {
  RETURN_IF_ERROR(context_.Check("reserve the volume's name"));
  Journal journal = TheJournal();
  ASSIGN_OR_RETURN(std::optional<JournalEntry> found, journal.FindByName(spec_.request_name));
  if (found.has_value() && found->state == JournalState::kReserved) {
    RETURN_IF_ERROR(CheckSameRequest(*found));
    ASSIGN_OR_RETURN(const bool half_deleted, IsHalfDeleted(*found));
    if (half_deleted) {
      RETURN_IF_ERROR(FinishDelete(*found));
      found.reset();
    }
  }
  if (found.has_value() && found->state == JournalState::kReserved) {
    entry_ = *std::move(found);
  } else {
    const Reservation reservation{.request_name = spec_.request_name,
                                  .name_prefix = spec_.name_prefix,
                                  .owner = spec_.owner,
                                  .kms_id = KmsId()};
    ASSIGN_OR_RETURN(entry_, journal.Reserve(reservation, found));
    reserved_now_ = true;
  }
  ASSIGN_OR_RETURN(volume_id_, IdOf(entry_));
  return OkStatus();
}

Status VolumeCreation::CheckSameRequest(const JournalEntry& entry) const {
  if (entry.kms_id != KmsId()) {
    const auto text = [](const std::string& id) {
      return id.empty() ? std::string("no encryption") : Cat("encryptionKMSID ", id);
    };
    return AlreadyExists(Cat("volume name ", spec_.request_name, " is taken by a volume with ",
                             text(entry.kms_id), "; the request asks for ", text(KmsId())));
  }
  if (entry.encryption_type == "file") {
    return AlreadyExists(Cat("volume name ", spec_.request_name, " is taken by a volume of ",
                             "encryptionType file; the request asks for block"));
  }
  return OkStatus();
}

// An image that once was (its id is recorded) and is gone: a delete stopped half way.
Result<bool> VolumeCreation::IsHalfDeleted(const JournalEntry& entry) {
  if (entry.image_id.empty()) {
    return false;
  }
  const auto image = pool_->images().Open(entry.image_name, OpenMode::kReadOnly);
  if (image.status().code() == Code::kNotFound) {
    return true;
  }
  RETURN_IF_ERROR(image.status());
  return false;
}

// A new volume must not get the ID of one that was being deleted: the delete may still be repeated.
Status VolumeCreation::FinishDelete(const JournalEntry& entry) {
  ASSIGN_OR_RETURN(const std::string volume_id, IdOf(entry));
  ASSIGN_OR_RETURN(LocatedVolume volume,
                   parts_.locator.Locate(context_, caller_, volume_id, ConnectionUse::kUnderLock));
  return Annotate(DeleteLocatedVolume(context_, caller_, parts_, volume),
                  "finish the delete of the name's earlier volume");
}

Status VolumeCreation::EnsureImage() {
  RETURN_IF_ERROR(context_.Check("create the image"));
  Result<std::unique_ptr<Image>> image =
      pool_->images().Open(entry_.image_name, OpenMode::kReadWrite);
  if (image.status().code() == Code::kNotFound) {
    RETURN_IF_ERROR(CreateImage());
    image = pool_->images().Open(entry_.image_name, OpenMode::kReadWrite);
  }
  RETURN_IF_ERROR(image.status());
  image_ = *std::move(image);
  return CheckSize();
}

Status VolumeCreation::CreateImage() {
  RETURN_IF_ERROR(lock_->EnsureHeld());
  const Status created = pool_->images().Create(entry_.image_name, spec_.layout);
  if (created.code() == Code::kAlreadyExists) {
    return OkStatus();
  }
  RETURN_IF_ERROR(AfterEffect("create.image", Annotate(created, Cat("create image ", pool_->name(),
                                                                    "/", entry_.image_name))));
  created_image_now_ = true;
  return OkStatus();
}

Result<bool> VolumeCreation::IsStillReserved() {
  ASSIGN_OR_RETURN(const auto now, TheJournal().FindByName(spec_.request_name));
  return now.has_value() && now->uuid == entry_.uuid && now->state == JournalState::kReserved;
}

Status VolumeCreation::CheckSize() {
  ASSIGN_OR_RETURN(size_bytes_, image_->SizeBytes());
  if (size_bytes_ < spec_.layout.size_bytes ||
      (spec_.limit_bytes != 0 && size_bytes_ > spec_.limit_bytes)) {
    return AlreadyExists(Cat("volume name ", spec_.request_name, " is taken by a volume of ",
                             size_bytes_, " bytes; the request asks for ", spec_.layout.size_bytes,
                             spec_.limit_bytes == 0 ? "" : Cat(" to ", spec_.limit_bytes)));
  }
  return OkStatus();
}

Result<bool> VolumeCreation::HasLabels() {
  if (spec_.labels.empty()) {
    return true;
  }
  ASSIGN_OR_RETURN(const auto present, image_->ListMetadata());
  return std::all_of(spec_.labels.begin(), spec_.labels.end(), [&](const auto& label) {
    const auto found = present.find(label.first);
    return found != present.end() && found->second == label.second;
  });
}

Status VolumeCreation::EnsureLabels() {
  ASSIGN_OR_RETURN(const bool has_labels, HasLabels());
  return has_labels ? OkStatus()
                    : AfterEffect("create.labels", image_->SetAllMetadata(spec_.labels));
}

Status VolumeCreation::EnsureEncrypted() {
  EncryptedVolume volume(*image_, *kms_, volume_id_);
  return volume.Format(
      context_, *lock_, spec_.encryption->cipher,
      created_image_now_ ? EncryptedVolume::Origin::kCreatedNow : EncryptedVolume::Origin::kFound);
}

// Only what this very call reserved, and of an image only what it created (safety B4). While we
// stood still another process may have finished the volume and answered: DeleteUnfinishedVolume
// finds that out under the lock. Where it fails, the next create or rbdcrypt orphans finds the
// rest.
void VolumeCreation::TakeBack() {
  if (!reserved_now_) {
    return;
  }
  image_.reset();
  lock_.reset();
  const auto take_back = [this]() -> Status {
    ASSIGN_OR_RETURN(LocatedVolume volume, parts_.locator.Locate(context_, caller_, volume_id_,
                                                                 ConnectionUse::kUnderLock));
    return DeleteUnfinishedVolume(context_, caller_, parts_, volume, created_image_now_);
  };
  if (const Status status = take_back(); !status.ok()) {
    LogWarn("failed_create_left_behind", {{"volume", volume_id_},
                                          {"image", entry_.image_name},
                                          {"reason", Message(status)},
                                          {"request_id", context_.request_id()}});
  }
}

std::string VolumeCreation::KmsId() const {
  if (!spec_.encryption.has_value()) {
    return std::string();
  }
  return spec_.encryption->kms_id.empty() ? std::string(kms::kDefaultKmsId)
                                          : spec_.encryption->kms_id;
}

Result<std::string> VolumeCreation::IdOf(const JournalEntry& entry) const {
  return EncodeVolumeId(
      {.cluster_id = spec_.cluster_id, .pool_id = pool_->id(), .uuid = entry.uuid});
}

Journal VolumeCreation::TheJournal() {
  return Journal(*connection_, journal_pool(), *pool_, parts_.locator.instance());
}

}  // namespace

Result<CreatedVolume> CreateVolume(const Context& context,
                                   const Caller& caller,
                                   const VolumeFlowParts& parts,
                                   const CreateVolumeSpec& spec) {
  return VolumeCreation(context, caller, parts, spec).Run();
}

}  // namespace rbdcrypt::rbd
