// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/journal.h"

#include <utility>

#include "base/crash_point.h"
#include "base/strings.h"
#include "base/uuid.h"
#include "rbd/journal_object.h"
#include "rbd/journal_target.h"
#include "rbd/names.h"

namespace rbdcrypt::rbd {
namespace {

std::string DirectoryKey(std::string_view request_name) {
  return Cat(kDirectoryKeyPrefix, request_name);
}

std::string ObjectOf(std::string_view uuid) {
  return JournalObjectName(JournalKind::kVolume, uuid);
}

}  // namespace

Journal::Journal(Connection& connection, Pool& journal, Pool& images, std::string instance)
    : connection_(connection), journal_(journal), images_(images), instance_(std::move(instance)) {}

std::string Journal::DirectoryObject() const {
  return Cat(kVolumesDirectoryPrefix, instance_);
}

std::string Journal::DirectoryValue(std::string_view uuid) const {
  return journal_.id() == images_.id() ? std::string(uuid)
                                       : Cat(PoolIdText(images_.id()), "/", uuid);
}

Result<std::optional<JournalEntry>> Journal::FindByName(std::string_view request_name) {
  const std::string key = DirectoryKey(request_name);
  const Result<std::string> value = journal_.omap().Get(DirectoryObject(), key);
  if (value.status().code() == Code::kNotFound) {
    return std::nullopt;
  }
  RETURN_IF_ERROR(Annotate(value.status(), Cat("look up volume name ", request_name)));
  const std::optional<JournalTarget> target = ParseJournalTarget(*value);
  if (!target.has_value()) {
    return Internal(Cat("journal object ", DirectoryObject(), ": the value of ", key,
                        " is no UUID and no pool ID with a UUID; nothing was changed"));
  }
  const std::int64_t pool_id = target->pool_id.value_or(journal_.id());
  if (pool_id != images_.id()) {
    RETURN_IF_ERROR(GiveUpIfPoolIsGone(key, *value, pool_id));
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(JournalEntry entry, FindByUuid(target->uuid));
  if (entry.state == JournalState::kReserved && entry.request_name != request_name) {
    return Internal(Cat("volume name ", request_name, " leads to journal object ",
                        ObjectOf(entry.uuid), " in pool ", images_.name(), ", which names volume ",
                        entry.request_name, "; nothing was changed"));
  }
  if (entry.state != JournalState::kReserved) {
    entry.request_name = request_name;
    entry.state = JournalState::kReservedOnly;
  }
  return entry;
}

Status Journal::GiveUpIfPoolIsGone(const std::string& key,
                                   const std::string& value,
                                   std::int64_t pool_id) {
  const Result<std::string> name = connection_.PoolName(pool_id);
  if (name.ok()) {
    return AlreadyExists(Cat("journal key ", key, ": a volume of that name is in pool ", *name,
                             ", the request asks for pool ", images_.name()));
  }
  if (name.status().code() != Code::kNotFound) {
    return name.status();
  }
  return AfterEffect("delete.directory-key",
                     journal_.omap().RemoveKey(DirectoryObject(), key, value));
}

Result<JournalEntry> Journal::FindByUuid(std::string_view uuid) {
  ASSIGN_OR_RETURN(std::optional<JournalEntry> found,
                   ReadJournalObject(images_.omap(), JournalKind::kVolume, uuid));
  if (found.has_value()) {
    return *std::move(found);
  }
  JournalEntry entry;
  entry.uuid = uuid;
  entry.image_name = DefaultImageName(JournalKind::kVolume, uuid);
  entry.state = JournalState::kAbsent;
  return entry;
}

Result<JournalEntry> Journal::Reserve(const Reservation& reservation,
                                      const std::optional<JournalEntry>& found) {
  Result<JournalEntry> entry =
      !found.has_value() || found->state == JournalState::kAbsent ? ReserveNew(reservation)
      : found->state == JournalState::kReservedOnly               ? Complete(reservation, *found)
                                                                  : *found;
  if (!entry.ok()) {
    return Annotate(entry.status(), Cat("reserve volume name ", reservation.request_name));
  }
  return entry;
}

Result<JournalEntry> Journal::ReserveNew(const Reservation& reservation) {
  JournalEntry entry;
  entry.uuid = NewUuid();
  const Status named = journal_.omap().SetNew(
      DirectoryObject(), DirectoryKey(reservation.request_name), DirectoryValue(entry.uuid));
  if (named.code() == Code::kAlreadyExists) {
    return Aborted("another call reserved it in between; retry");
  }
  RETURN_IF_ERROR(AfterEffect("create.directory-key", named));
  return Complete(reservation, entry);
}

// Everything but the UUID and what an object without a name still says comes from `reservation`.
Result<JournalEntry> Journal::Complete(const Reservation& reservation, const JournalEntry& found) {
  if (!found.kms_id.empty() && found.kms_id != reservation.kms_id) {
    return AlreadyExists(Cat("a reservation left half done names encryptionKMSID ", found.kms_id,
                             ", the request ", reservation.kms_id));
  }
  JournalEntry entry = found;
  entry.request_name = reservation.request_name;
  // An image id without a name is ceph-csi's work, on an image of the default name (2.6, Note).
  const std::string prefix = reservation.name_prefix.empty() || !found.image_id.empty()
                                 ? kDefaultVolumePrefix
                                 : reservation.name_prefix;
  entry.image_name = Cat(prefix, entry.uuid);
  entry.owner = reservation.owner;
  entry.kms_id = reservation.kms_id;
  entry.encryption_type = entry.kms_id.empty() ? "" : "block";
  if (journal_.id() != images_.id()) {
    entry.journal_pool_id = journal_.id();
  }
  RETURN_IF_ERROR(AfterEffect("create.journal-object", CreateEntry(entry)));
  RETURN_IF_ERROR(CheckStillNamed(entry));
  entry.state = JournalState::kReserved;
  return entry;
}

// While we stood still somebody may have finished this volume and deleted it again. The key is gone
// then and nobody looks for the object we just made; seen here, a later delete takes both.
Status Journal::CheckStillNamed(const JournalEntry& entry) {
  const Result<std::string> value =
      journal_.omap().Get(DirectoryObject(), DirectoryKey(entry.request_name));
  const std::optional<JournalTarget> target =
      value.ok() ? ParseJournalTarget(*value) : std::nullopt;
  if (target.has_value() && target->uuid == entry.uuid) {
    return OkStatus();
  }
  if (!value.ok() && value.status().code() != Code::kNotFound) {
    return value.status();
  }
  RETURN_IF_ERROR(
      AfterEffect("delete.journal-object", images_.omap().RemoveObject(ObjectOf(entry.uuid))));
  return Aborted("another call removed it in between; retry");
}

// An object that is there is taken over only while it has no name, compared in the same operation.
Status Journal::CreateEntry(const JournalEntry& entry) {
  const std::string object = ObjectOf(entry.uuid);
  const OmapValues values = ValuesOf(entry);
  Status created = images_.omap().CreateObject(object, values);
  if (created.code() != Code::kAlreadyExists) {
    return created;
  }
  return images_.omap().CompareAndSet(object, kKeyVolumeName, "", values);
}

OmapValues Journal::ValuesOf(const JournalEntry& entry) {
  OmapValues values{{kKeyVolumeName, entry.request_name}, {kKeyImageName, entry.image_name}};
  if (!entry.owner.empty()) {
    values[kKeyOwner] = entry.owner;
  }
  if (!entry.kms_id.empty()) {
    values[kKeyKmsId] = entry.kms_id;
    values[kKeyEncryptionType] = entry.encryption_type;
  }
  if (entry.journal_pool_id.has_value()) {
    values[kKeyJournalPool] = PoolIdText(*entry.journal_pool_id);
  }
  return values;
}

Status Journal::StoreImageId(const JournalEntry& entry, std::string_view image_id) {
  const Status stored =
      images_.omap().CompareAndSet(ObjectOf(entry.uuid), kKeyVolumeName, entry.request_name,
                                   {{kKeyImageId, std::string(image_id)}});
  return AfterEffect("create.image-id", Annotate(stored, Cat("store the image id of volume name ",
                                                             entry.request_name)));
}

// The name may have been taken anew; a key that leads elsewhere is not ours to remove.
Status Journal::RemoveName(const JournalEntry& entry) {
  if (entry.request_name.empty()) {
    return OkStatus();
  }
  const std::string context = Cat("remove the name of ", entry.image_name);
  const std::string key = DirectoryKey(entry.request_name);
  const Result<std::string> value = journal_.omap().Get(DirectoryObject(), key);
  if (value.status().code() == Code::kNotFound) {
    return OkStatus();
  }
  RETURN_IF_ERROR(Annotate(value.status(), context));
  const std::optional<JournalTarget> target = ParseJournalTarget(*value);
  if (!target.has_value() || target->uuid != entry.uuid) {
    return OkStatus();
  }
  return AfterEffect("delete.directory-key",
                     Annotate(journal_.omap().RemoveKey(DirectoryObject(), key, *value), context));
}

Status Journal::RemoveEntry(const JournalEntry& entry) {
  return AfterEffect("delete.journal-object",
                     Annotate(images_.omap().RemoveObject(ObjectOf(entry.uuid)),
                              Cat("remove the reservation of ", entry.image_name)));
}

}  // namespace rbdcrypt::rbd
