// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "rbd/cluster.h"

namespace rbdcrypt::rbd {

// How much of a reservation is there: nothing, a directory key (or an object without a name), all.
enum class JournalState { kAbsent, kReservedOnly, kReserved };

// What a reservation keeps of one volume (ceph-csi-compat 2.1).
struct JournalEntry {
  std::string uuid;
  std::string request_name;
  // "csi-vol-<uuid>" where the object has no csi.imagename.
  std::string image_name;
  // "" until the image was made.
  std::string image_id;
  std::string owner;
  // "" for a plain volume; "default" where none was named.
  std::string kms_id;
  // "block", "file", or "" as old and regenerated journals have it: read as block.
  std::string encryption_type;
  // Of another journal pool than the image's, if any.
  std::optional<std::int64_t> journal_pool_id;
  JournalState state = JournalState::kReserved;
};

// What a new reservation is made of.
struct Reservation {
  std::string request_name;
  std::string name_prefix;
  std::string owner;
  // "" for a plain volume.
  std::string kms_id;
};

// Request name -> UUID, kept in RADOS omaps as ceph-csi keeps it (ceph-csi-compat 2.1).
//
// Reserving writes the directory key first, deleting removes it first, so that after a crash at any
// point somebody still knows the UUID: the request name while creating, the volume ID while
// deleting. ceph-csi goes the other way in both (2.2, 2.4), which strands a name for ever.
//
//   a crash after                left behind                    the next call
//   -                            nothing                        -
//   create.directory-key         key to a missing object        FindByName: kReservedOnly; Reserve
//                                                               goes on with the same UUID
//   create.journal-object        whole reservation              found
//   create.image-id              the image's id                 -
//   delete.directory-key         object without directory key   FindByUuid finds it; goes on
//   delete.journal-object        nothing                        -
//
// What ceph-csi leaves (2.6): an object without csi.volname, or a key to a missing object, is taken
// as kReservedOnly and completed under its UUID; an empty object without key is an orphan
// (rbd/orphans). Thread safe.
class Journal {
 public:
  // `journal` holds the directory, `images` the objects and the images; they may be the same pool.
  // `instance` is ceph-csi's --instanceid. All must outlive the result.
  Journal(Connection& connection, Pool& journal, Pool& images, std::string instance);

  // The entry under a request name, or nothing. A name whose volume was in a pool that no longer
  // exists is given up, as ceph-csi does (2.3). kAlreadyExists: the name's volume is in a pool
  // other than `images`. kInternal: the object carries another request name, or a value that
  // neither driver writes; nothing is changed.
  Result<std::optional<JournalEntry>> FindByName(std::string_view request_name);

  // The entry of a UUID (state kAbsent: only defaults). For delete, expand and stage.
  Result<JournalEntry> FindByUuid(std::string_view uuid);

  // Makes a reservation, or completes the one that `found` began. Directory key and object are
  // written only where they are absent (safety G4), the object with all its keys in one operation.
  // kAborted: another call reserved the name in between; begin again with FindByName.
  // kAlreadyExists: what is left of `found` names another key manager.
  Result<JournalEntry> Reserve(const Reservation& reservation,
                               const std::optional<JournalEntry>& found);

  // Writes csi.imageid. kAborted: the reservation was removed meanwhile (written without that
  // check, the key would make an object of itself alone: ceph-csi-compat 2.6, Note).
  Status StoreImageId(const JournalEntry& entry, std::string_view image_id);

  // Undoes a reservation, in two steps that can be repeated: the directory key if it points here,
  // so that no create finds the volume any more, and, last of all, the object that its ID leads to.
  Status RemoveName(const JournalEntry& entry);
  Status RemoveEntry(const JournalEntry& entry);

 private:
  std::string DirectoryObject() const;
  std::string DirectoryValue(std::string_view uuid) const;
  Result<JournalEntry> ReserveNew(const Reservation& reservation);
  Result<JournalEntry> Complete(const Reservation& reservation, const JournalEntry& found);
  Status CreateEntry(const JournalEntry& entry);
  Status CheckStillNamed(const JournalEntry& entry);
  Status GiveUpIfPoolIsGone(const std::string& key, const std::string& value, std::int64_t pool_id);
  static OmapValues ValuesOf(const JournalEntry& entry);

  Connection& connection_;
  Pool& journal_;
  Pool& images_;
  std::string instance_;
};

}  // namespace rbdcrypt::rbd
