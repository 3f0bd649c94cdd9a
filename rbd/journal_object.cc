// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/journal_object.h"

#include "base/strings.h"
#include "base/uuid.h"
#include "rbd/journal_target.h"
#include "rbd/names.h"

namespace rbdcrypt::rbd {
namespace {

// Moves the value of `key` into `field`, where there is one.
void Take(const OmapValues& values, const char* key, std::string& field) {
  if (const auto found = values.find(key); found != values.end()) {
    field = found->second;
  }
}

}  // namespace

std::string JournalObjectName(JournalKind kind, std::string_view uuid) {
  return Cat(kind == JournalKind::kVolume ? kVolumeObjectPrefix : kSnapshotObjectPrefix, uuid);
}

std::string DefaultImageName(JournalKind kind, std::string_view uuid) {
  return Cat(kind == JournalKind::kVolume ? kDefaultVolumePrefix : kDefaultSnapshotPrefix, uuid);
}

Result<JournalEntry> ParseJournalEntry(JournalKind kind,
                                       const std::string& uuid,
                                       const OmapValues& values) {
  JournalEntry entry;
  entry.uuid = uuid;
  entry.image_name = DefaultImageName(kind, uuid);
  Take(values, kind == JournalKind::kVolume ? kKeyVolumeName : kKeySnapshotName,
       entry.request_name);
  Take(values, kKeyImageName, entry.image_name);
  Take(values, kKeyImageId, entry.image_id);
  Take(values, kKeyOwner, entry.owner);
  Take(values, kKeyKmsId, entry.kms_id);
  Take(values, kKeyEncryptionType, entry.encryption_type);
  std::string pool_text;
  Take(values, kKeyJournalPool, pool_text);
  entry.journal_pool_id = ParsePoolIdText(pool_text);
  if (!pool_text.empty() && !entry.journal_pool_id.has_value()) {
    return Internal(Cat("journal object ", JournalObjectName(kind, uuid), ": ", kKeyJournalPool,
                        " is no pool ID of 16 hexadecimal digits"));
  }
  entry.state = entry.request_name.empty() ? JournalState::kReservedOnly : JournalState::kReserved;
  return entry;
}

Result<std::optional<JournalEntry>> ReadJournalObject(Omap& omap,
                                                      JournalKind kind,
                                                      std::string_view uuid) {
  const std::string object = JournalObjectName(kind, uuid);
  const Result<OmapValues> values = omap.List(object, kJournalKeyPrefix);
  if (values.status().code() == Code::kNotFound) {
    return std::nullopt;
  }
  RETURN_IF_ERROR(Annotate(values.status(), Cat("read journal object ", object)));
  return ParseJournalEntry(kind, std::string(uuid), *values);
}

std::string UuidAtEnd(std::string_view image_name) {
  if (image_name.size() < kUuidChars) {
    return std::string();
  }
  const std::string_view tail = image_name.substr(image_name.size() - kUuidChars);
  return IsUuid(tail) ? std::string(tail) : std::string();
}

}  // namespace rbdcrypt::rbd
