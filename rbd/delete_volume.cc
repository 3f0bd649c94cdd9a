// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/delete_volume.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/crash_point.h"
#include "base/log.h"
#include "base/strings.h"
#include "rbd/encrypted_volume.h"
#include "rbd/image_users.h"
#include "rbd/journal.h"
#include "rbd/volume_lock.h"

namespace rbdcrypt::rbd {
namespace {

// Which images go.
enum class Victims { kAny, kUnfinished, kNone };

// One delete, its steps in order.
class VolumeDeletion {
 public:
  VolumeDeletion(const Context& context,
                 const Caller& caller,
                 const VolumeFlowParts& parts,
                 LocatedVolume& volume,
                 Victims victims)
      : context_(context), caller_(caller), parts_(parts), volume_(volume), victims_(victims) {}

  Status Run();

 private:
  Status MoveImageToTrash();
  Status CheckUnused(Image& image) const;
  Status CheckVictim(Image& image) const;
  Status RemoveDek();
  Status PurgeTrash();
  void ReportUnreleasedDek(const Status& why) const;

  const Context& context_;
  const Caller& caller_;
  const VolumeFlowParts& parts_;
  LocatedVolume& volume_;
  const Victims victims_;
  std::unique_ptr<VolumeLock> lock_;
};

Status VolumeDeletion::Run() {
  const VolumeLock::Place place{.connection = *volume_.connection,
                                .pool = *volume_.pool,
                                .volume_id = volume_.volume_id,
                                .image_name = volume_.entry.image_name};
  ASSIGN_OR_RETURN(lock_, VolumeLock::Acquire(context_, place, parts_.lock));
  RETURN_IF_ERROR(MoveImageToTrash());
  RETURN_IF_ERROR(RemoveDek());
  RETURN_IF_ERROR(PurgeTrash());
  Journal journal(*volume_.connection, volume_.journal_pool(), *volume_.pool,
                  parts_.locator.instance());
  // The name goes under the lock: a create that found it before looks again once it has the lock.
  RETURN_IF_ERROR(lock_->EnsureHeld());
  RETURN_IF_ERROR(journal.RemoveName(volume_.entry));
  RETURN_IF_ERROR(lock_->RemoveObject());
  return journal.RemoveEntry(volume_.entry);
}

Status VolumeDeletion::MoveImageToTrash() {
  ImageStore& images = volume_.pool->images();
  Result<std::unique_ptr<Image>> image =
      images.Open(volume_.entry.image_name, OpenMode::kReadWrite);
  if (image.status().code() == Code::kNotFound) {
    return OkStatus();
  }
  RETURN_IF_ERROR(image.status());
  RETURN_IF_ERROR(CheckUnused(**image));
  RETURN_IF_ERROR(CheckVictim(**image));
  image->reset();
  RETURN_IF_ERROR(context_.Check("move the image to the trash"));
  RETURN_IF_ERROR(lock_->EnsureHeld());
  const Status moved = images.MoveToTrash(volume_.entry.image_name);
  if (moved.code() == Code::kNotFound) {
    return OkStatus();
  }
  return AfterEffect("delete.image-to-trash",
                     Annotate(moved, Cat("volume ", volume_.volume_id, ": move image ",
                                         volume_.entry.image_name, " to the trash")));
}

Status VolumeDeletion::CheckUnused(Image& image) const {
  ASSIGN_OR_RETURN(const std::string others, OtherUsers(image));
  if (others.empty()) {
    return OkStatus();
  }
  return FailedPrecondition(Cat("volume ", volume_.volume_id, ": image ", volume_.entry.image_name,
                                " is still open at ", others, "; ", kHowToFree));
}

Status VolumeDeletion::CheckVictim(Image& image) const {
  bool may_go = victims_ == Victims::kAny;
  if (victims_ == Victims::kUnfinished) {
    ASSIGN_OR_RETURN(const EncryptionState state, ReadEncryptionState(image));
    may_go = state != EncryptionState::kEncrypted;
  }
  return may_go ? OkStatus()
                : Aborted(Cat("volume ", volume_.volume_id, ": image ", volume_.entry.image_name,
                              " is another call's, which may have answered; it is kept"));
}

// Only a provider that keeps DEKs itself has anything to forget; wrapped ones went with the image.
Status VolumeDeletion::RemoveDek() {
  if (volume_.entry.kms_id.empty()) {
    return OkStatus();
  }
  const Result<bool> keeps_deks = parts_.kms.KeepsDeks(context_, volume_.entry.kms_id);
  if (keeps_deks.ok() && !*keeps_deks) {
    return OkStatus();
  }
  const kms::KmsRequest request{
      .kms_id = volume_.entry.kms_id, .tenant = volume_.entry.owner, .secrets = caller_.secrets};
  const Result<std::shared_ptr<kms::Kms>> kms = parts_.kms.Open(context_, request);
  Status removed = kms.status();
  if (kms.ok()) {
    kms::DekStore* const store = (*kms)->store();
    if (store == nullptr) {
      return OkStatus();
    }
    RETURN_IF_ERROR(lock_->EnsureHeld());
    removed = AfterEffect("delete.dek", store->Remove(context_, volume_.volume_id));
  }
  if (removed.ok() || removed.code() == Code::kNotFound) {
    return OkStatus();
  }
  if (IsTransient(removed)) {
    return Annotate(removed, Cat("volume ", volume_.volume_id, ", KMS ", volume_.entry.kms_id,
                                 ": remove its DEK"));
  }
  ReportUnreleasedDek(removed);
  return OkStatus();
}

void VolumeDeletion::ReportUnreleasedDek(const Status& why) const {
  LogWarn("unreleased_dek", {{"volume", volume_.volume_id},
                             {"kms_id", volume_.entry.kms_id},
                             {"tenant", volume_.entry.owner},
                             {"reason", Message(why)},
                             {"request_id", context_.request_id()}});
  if (parts_.metrics != nullptr) {
    parts_.metrics->CountEvent("unreleased_dek");
  }
  if (parts_.on_unreleased_dek) {
    parts_.on_unreleased_dek({.volume_id = volume_.volume_id,
                              .kms_id = volume_.entry.kms_id,
                              .tenant = volume_.entry.owner,
                              .reason = std::string(Message(why))});
  }
}

Status VolumeDeletion::PurgeTrash() {
  ImageStore& images = volume_.pool->images();
  ASSIGN_OR_RETURN(const std::vector<TrashEntry> trash, images.ListTrash());
  for (const TrashEntry& entry : trash) {
    if (entry.name != volume_.entry.image_name) {
      continue;
    }
    RETURN_IF_ERROR(lock_->EnsureHeld());
    const Status purged = images.PurgeFromTrash(entry.id);
    if (purged.code() == Code::kFailedPrecondition) {
      // Clones still read from it; it waits in the trash until they are gone.
      LogInfo("image_waits_in_trash", {{"volume", volume_.volume_id}, {"image_id", entry.id}});
      continue;
    }
    RETURN_IF_ERROR(AfterEffect("delete.trash", purged));
  }
  return OkStatus();
}

}  // namespace

Status DeleteLocatedVolume(const Context& context,
                           const Caller& caller,
                           const VolumeFlowParts& parts,
                           LocatedVolume& volume) {
  return VolumeDeletion(context, caller, parts, volume, Victims::kAny).Run();
}

Status DeleteUnfinishedVolume(const Context& context,
                              const Caller& caller,
                              const VolumeFlowParts& parts,
                              LocatedVolume& volume,
                              bool created_image) {
  const bool is_encrypted = !volume.entry.kms_id.empty();
  const Victims victims = is_encrypted && created_image ? Victims::kUnfinished : Victims::kNone;
  return VolumeDeletion(context, caller, parts, volume, victims).Run();
}

}  // namespace rbdcrypt::rbd
