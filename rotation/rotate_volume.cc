// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/rotate_volume.h"

#include <memory>

#include "base/strings.h"
#include "rbd/keyslots.h"
#include "rbd/snapshot_headers.h"

namespace rbdcrypt::rotation {
namespace {

constexpr std::string_view kFileType = "file";

Status CheckJournal(const rbd::LocatedVolume& volume) {
  if (volume.entry.encryption_type == kFileType) {
    return FailedPrecondition(Cat("volume ", volume.volume_id, ": its encryptionType is file ",
                                  "(fscrypt), whose keys this driver does not replace"));
  }
  if (volume.entry.kms_id.empty()) {
    return FailedPrecondition(Cat("volume ", volume.volume_id, ": no key manager stands in its ",
                                  "journal: it is not encrypted, there is no DEK to replace"));
  }
  return OkStatus();
}

Result<std::shared_ptr<kms::Kms>> OpenKms(const Context& context,
                                          const rbd::Caller& caller,
                                          const rbd::VolumeFlowParts& parts,
                                          const rbd::LocatedVolume& volume) {
  const kms::KmsRequest request{
      .kms_id = volume.entry.kms_id, .tenant = volume.entry.owner, .secrets = caller.secrets};
  Result<std::shared_ptr<kms::Kms>> kms = parts.kms.Open(context, request);
  if (!kms.ok()) {
    return Annotate(kms.status(), Cat("volume ", volume.volume_id, ", KMS ", request.kms_id));
  }
  return kms;
}

}  // namespace

Result<RotationReport> RotateVolume(const Context& context,
                                    const rbd::Caller& caller,
                                    const rbd::VolumeFlowParts& parts,
                                    std::string_view volume_id,
                                    const RotationOptions& options) {
  ASSIGN_OR_RETURN(
      const rbd::LocatedVolume volume,
      parts.locator.Locate(context, caller, volume_id, rbd::ConnectionUse::kUnderLock));
  RETURN_IF_ERROR(CheckJournal(volume));
  ASSIGN_OR_RETURN(const std::shared_ptr<kms::Kms> kms, OpenKms(context, caller, parts, volume));
  const std::string& image_name = volume.entry.image_name;
  ASSIGN_OR_RETURN(const std::unique_ptr<rbd::VolumeLock> lock,
                   rbd::VolumeLock::Acquire(context,
                                            {.connection = *volume.connection,
                                             .pool = *volume.pool,
                                             .volume_id = volume.volume_id,
                                             .image_name = image_name},
                                            parts.lock));
  rbd::ImageStore& images = volume.pool->images();
  ASSIGN_OR_RETURN(const std::unique_ptr<rbd::Image> image,
                   images.Open(image_name, rbd::OpenMode::kReadWrite));
  rbd::LuksKeyslots keyslots(*image);
  rbd::RbdSnapshotHeaders snapshots(images, image_name, [&] { return lock->EnsureHeld(); });
  return Rotate(context,
                {.image = *image,
                 .keyslots = keyslots,
                 .snapshots = snapshots,
                 .kms = *kms,
                 .lock = *lock,
                 .volume_id = volume.volume_id},
                options);
}

}  // namespace rbdcrypt::rotation
