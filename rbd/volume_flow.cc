// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/volume_flow.h"

#include <memory>
#include <string>
#include <utility>

#include "base/crash_point.h"
#include "base/strings.h"
#include "rbd/create_volume.h"
#include "rbd/delete_volume.h"

namespace rbdcrypt::rbd {
namespace {

// Grows `image` and proves that it grew.
Status GrowTo(VolumeLock& lock, Image& image, std::uint64_t size_bytes) {
  RETURN_IF_ERROR(lock.EnsureHeld());
  RETURN_IF_ERROR(AfterEffect("expand.image", image.Grow(size_bytes)));
  ASSIGN_OR_RETURN(const std::uint64_t size_now, image.SizeBytes());
  return size_now >= size_bytes
             ? OkStatus()
             : Internal(Cat("it has ", size_now, " bytes after it was grown; retry"));
}

}  // namespace

VolumeFlow::VolumeFlow(const VolumeFlowParts& parts) : parts_(parts) {}

Result<CreatedVolume> VolumeFlow::Create(const Context& context,
                                         const Caller& caller,
                                         const CreateVolumeSpec& spec) {
  return CreateVolume(context, caller, parts_, spec);
}

Status VolumeFlow::Delete(const Context& context,
                          const Caller& caller,
                          std::string_view volume_id) {
  Result<LocatedVolume> volume =
      parts_.locator.Locate(context, caller, volume_id, ConnectionUse::kUnderLock);
  if (volume.status().code() == Code::kNotFound) {
    return OkStatus();
  }
  RETURN_IF_ERROR(volume.status());
  return DeleteLocatedVolume(context, caller, parts_, *volume);
}

Result<ExpandedVolume> VolumeFlow::Expand(const Context& context,
                                          const Caller& caller,
                                          std::string_view volume_id,
                                          std::uint64_t size_bytes) {
  ASSIGN_OR_RETURN(LocatedVolume volume,
                   parts_.locator.Locate(context, caller, volume_id, ConnectionUse::kUnderLock));
  const VolumeLock::Place place{.connection = *volume.connection,
                                .pool = *volume.pool,
                                .volume_id = volume.volume_id,
                                .image_name = volume.entry.image_name};
  ASSIGN_OR_RETURN(const auto lock, VolumeLock::Acquire(context, place, parts_.lock));
  ASSIGN_OR_RETURN(const std::unique_ptr<Image> image,
                   volume.pool->images().Open(volume.entry.image_name, OpenMode::kReadWrite));
  RETURN_IF_ERROR(context.Check(Cat("expand volume ", volume_id)));
  ASSIGN_OR_RETURN(std::uint64_t size_now, image->SizeBytes());
  if (size_now < size_bytes) {
    RETURN_IF_ERROR(Annotate(GrowTo(*lock, *image, size_bytes),
                             Cat("volume ", volume_id, ": expand image ", volume.entry.image_name,
                                 " to ", size_bytes, " bytes")));
    ASSIGN_OR_RETURN(size_now, image->SizeBytes());
  }
  return ExpandedVolume{.size_bytes = size_now, .is_encrypted = !volume.entry.kms_id.empty()};
}

Status VolumeFlow::CheckExists(const Context& context,
                               const Caller& caller,
                               std::string_view volume_id) {
  return parts_.locator.Locate(context, caller, volume_id, ConnectionUse::kShared).status();
}

}  // namespace rbdcrypt::rbd
