// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/rotation/rotation_world.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

#include "base/strings.h"
#include "rbd/keyslots.h"
#include "rbd/luks/crypt_device.h"
#include "rbd/luks/header.h"
#include "rbd/snapshot_headers.h"
#include "rbd/volume_dek_store.h"
#include "rotation/rotate_volume.h"

namespace rbdcrypt::testing {
namespace {

using rbd::luks::Header;

constexpr std::size_t kHeaderBytes = 16 * 1024 * 1024;

Context Any() {
  return Context::Background();
}

// An edit of the header by hand, written back.
template <typename Edit>
void EditHeader(rbd::Image& image, Edit edit) {
  Result<Header> header = Header::Load(Any(), image);
  RBDCRYPT_CHECK(header.ok());
  edit(*header);
  RBDCRYPT_CHECK(header->WriteBack(Any(), image).ok());
}

void Add(rbd::Image& image, std::string_view known, std::string_view added, int expected) {
  EditHeader(image, [&](Header& header) {
    const Result<int> slot = header.AddKeyslot(Any(), Secret(known), Secret(added));
    RBDCRYPT_CHECK(slot.ok() && *slot == expected);
  });
}

void Drop(rbd::Image& image, int slot) {
  EditHeader(image, [&](Header& header) { RBDCRYPT_CHECK(header.DropKeyslot(slot).ok()); });
}

}  // namespace

RotationWorld::RotationWorld(const std::string& kms_id, const FakeKms::Options& of_store)
    : world_(of_store), kms_id_(kms_id), driver_(world_.StartDriver("rotator")) {
  Result<rbd::CreatedVolume> volume = driver_->Create(VolumeWorld::Spec(kms_id));
  RBDCRYPT_CHECK(volume.ok());
  volume_ = *std::move(volume);
  // Longer ago than anything that is waited for.
  clock().Advance(std::chrono::hours(24 * 7));
}

Result<rotation::RotationReport> RotationWorld::Rotate(
    Driver& by, const rotation::RotationOptions& options) const {
  return rotation::RotateVolume(by.context(), by.caller(), by.Parts(), volume_.volume_id, options);
}

Result<rotation::RotationReport> RotationWorld::RotateThrough(rbd::luks::HeaderIo& header) const {
  Driver& by = driver();
  const rbd::VolumeFlowParts parts = by.Parts();
  ASSIGN_OR_RETURN(
      const rbd::LocatedVolume volume,
      parts.locator.Locate(by.context(), by.caller(), volume_id(), rbd::ConnectionUse::kUnderLock));
  ASSIGN_OR_RETURN(const auto lock, rbd::VolumeLock::Acquire(by.context(),
                                                             {.connection = *volume.connection,
                                                              .pool = *volume.pool,
                                                              .volume_id = volume_id(),
                                                              .image_name = image_name()},
                                                             parts.lock));
  rbd::ImageStore& images = volume.pool->images();
  ASSIGN_OR_RETURN(const auto image, images.Open(image_name(), rbd::OpenMode::kReadWrite));
  rbd::LuksKeyslots keyslots(header);
  rbd::RbdSnapshotHeaders snapshots(images, image_name(), OkStatus);
  return rotation::Rotate(by.context(),
                          {.image = *image,
                           .keyslots = keyslots,
                           .snapshots = snapshots,
                           .kms = Kms(),
                           .lock = *lock,
                           .volume_id = volume_id()},
                          {});
}

Result<rotation::RotationReport> RotationWorld::RotateAtLast(
    const rotation::RotationOptions& options) {
  Result<rotation::RotationReport> report = Rotate(options);
  for (int i = 0; i < 4 && IsTransient(report.status()); ++i) {
    kms().LandLateWrites();
    clock().Advance(i == 0 ? std::chrono::seconds(181) : std::chrono::minutes(15));
    report = Rotate(options);
  }
  return report;
}

// Slot 0 is given away first, then slot 1: both by the key that stands in the other meanwhile.
void RotationWorld::ArrangeKeyslots(std::string_view known,
                                    std::string_view slot_0,
                                    std::string_view slot_1) const {
  const auto image = Image();
  const Result<int> slot = rbd::luks::ProveOpens(Any(), *image, Secret(known));
  RBDCRYPT_CHECK(slot.ok());
  if (UsedKeyslots().size() > 1) {
    Drop(*image, 1 - *slot);
  }
  if (*slot == 0) {
    Add(*image, known, known, 1);
    Drop(*image, 0);
  }
  if (slot_0.empty()) {
    RBDCRYPT_CHECK(slot_1 == known);
    return;
  }
  Add(*image, known, slot_0, 0);
  if (slot_1 != known) {
    Drop(*image, 1);
  }
  if (!slot_1.empty() && slot_1 != known) {
    Add(*image, slot_0, slot_1, 1);
  }
}

void RotationWorld::AddKeyslot(int number, std::string_view known, std::string_view added) const {
  const auto image = Image();
  std::vector<std::byte> head(kHeaderBytes);
  RBDCRYPT_CHECK(image->Read(0, head).ok());
  Result<rbd::luks::CryptDevice> device = rbd::luks::CryptDevice::Create(kHeaderBytes);
  RBDCRYPT_CHECK(device.ok() && device->Write(0, head).ok() && device->Load().ok());
  for (const int slot : UsedKeyslots()) {
    const auto volume_key = device->OpenSlot(slot, Secret(known));
    if (volume_key.ok() && volume_key->has_value()) {
      RBDCRYPT_CHECK(
          device->AddSlot(number, **volume_key, Secret(added), rbd::luks::KdfProfile::kRandomDek)
              .ok());
      break;
    }
  }
  RBDCRYPT_CHECK(device->Read(0, head).ok() && image->Write(0, head).ok());
}

void RotationWorld::ArrangeStore(std::string_view current, std::string_view previous) const {
  const auto image = Image();
  const rbd::VolumeDekStore store(*image, Kms());
  RBDCRYPT_CHECK(store->Remove(Any(), volume_id()).ok());
  Result<std::string> version =
      store->Create(Any(), volume_id(), Secret(previous.empty() ? current : previous));
  RBDCRYPT_CHECK(version.ok());
  if (!previous.empty()) {
    RBDCRYPT_CHECK(store->Replace(Any(), volume_id(), *version, Secret(current)).ok());
  }
}

kms::Kms& RotationWorld::Kms() const {
  if (kms_id_ == "wrap") {
    return *world_.wrap;
  }
  return *world_.store;
}

std::string RotationWorld::Current() const {
  if (kms_id_ != "wrap") {
    return kms().CurrentForTest(volume_id());
  }
  const auto image = Image();
  const auto stored = rbd::VolumeDekStore(*image, Kms())->Fetch(Any(), volume_id());
  return stored.ok() ? std::string(stored->dek.RevealText()) : "";
}

std::string RotationWorld::Previous() const {
  if (kms_id_ != "wrap") {
    return kms().PreviousForTest(volume_id());
  }
  const auto image = Image();
  const auto stored = rbd::VolumeDekStore(*image, Kms())->FetchPrevious(Any(), volume_id());
  return stored.ok() ? std::string(stored->dek.RevealText()) : "";
}

std::vector<int> RotationWorld::UsedKeyslots() const {
  std::vector<int> numbers;
  const Result<Header> header = Header::Load(Any(), *Image());
  RBDCRYPT_CHECK(header.ok());
  for (const rbd::luks::Keyslot& slot : header->layout().metadata.keyslots) {
    numbers.push_back(slot.number);
  }
  return numbers;
}

std::string RotationWorld::Keyslots(const Names& names) const {
  Result<Header> header = Header::Load(Any(), *Image());
  RBDCRYPT_CHECK(header.ok());
  std::vector<std::string> slots;
  for (int slot = 0; slot < rbd::luks::kOurKeyslots; ++slot) {
    std::string& shown = slots.emplace_back("-");
    if (header->layout().FindKeyslot(slot) != nullptr) {
      const auto opens = std::ranges::find_if(names, [&](const auto& name) {
        return header->OpensSlot(Any(), Secret(std::string_view(name.second)), slot)
            .value_or(false);
      });
      shown = opens == names.end() ? "?" : std::string(opens->first);
    }
  }
  return Join(slots, " ");
}

Status RotationWorld::CheckWhole() const {
  const std::string shown = Keyslots({{"K", Current()}});
  return shown == "K -" || shown == "- K" ? OkStatus() : Internal(Cat("keyslots are ", shown));
}

std::string RotationWorld::Metadata(std::string_view key) const {
  return Image()->GetMetadata(key).value_or("");
}

std::unique_ptr<rbd::Image> RotationWorld::Image() const {
  return *ceph().Admin().images().Open(image_name(), rbd::OpenMode::kReadWrite);
}

}  // namespace rbdcrypt::testing
