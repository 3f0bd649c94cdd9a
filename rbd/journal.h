// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "rbd/omap.h"

namespace rbdcrypt::rbd {

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
  // Whether the object csi.volume.<uuid> itself exists.
  bool has_object = true;
};

// What a new reservation is made of.
struct Reservation {
  std::string request_name;
  std::string name_prefix;
  std::string owner;
  // "" for a plain volume.
  std::string kms_id;
};

// Request name -> UUID, kept in RADOS omaps as ceph-csi keeps it (ceph-csi-compat 2.2 to 2.6).
//
// The order of effects and what a crash between two of them leaves, with what the next call does:
//
//   after                              left behind                 next Find / Reserve
//   create.journal-object              empty csi.volume.<uuid>     finds nothing; a new UUID; the
//                                                                  empty object is an orphan, which
//                                                                  Reserve of the same process
//                                                                  cannot see (rbd/orphans lists
//                                                                  it)
//   create.journal-attributes          object without directory    as above
//   create.directory-key               whole reservation           found
//   delete.journal-object              key to a missing object     Find undoes the key
//   delete.directory-key               nothing                     -
//
// ceph-csi writes the directory key before the attributes and is stuck for ever after a crash in
// between; we write it last, with a compare (safety G4), and mend what ceph-csi left (an entry
// whose object has no csi.volname gets its attributes written). Thread safe.
class Journal {
 public:
  // `journal` and `images` may be the same pool. `instance` is ceph-csi's --instanceid.
  Journal(Omap& journal, Omap& images, std::string instance);

  // The entry under a request name, or nothing. An entry whose object is missing is undone and is
  // nothing. kInternal: the object carries another request name; no clean-up.
  Result<std::optional<JournalEntry>> FindByName(std::string_view request_name);

  // The entry of a UUID (has_object false: defaults only). For delete, expand and stage.
  Result<JournalEntry> FindByUuid(std::string_view uuid);

  // Makes a reservation. kAborted: another call reserved the name in between; call FindByName.
  Result<JournalEntry> Reserve(const Reservation& reservation);

  // Writes csi.imageid.
  Status StoreImageId(const JournalEntry& entry, std::string_view image_id);

  // Undoes a reservation: object first, then directory key, the key only if it points here.
  Status Undo(const JournalEntry& entry);

 private:
  Omap& journal_;
  Omap& images_;
  std::string instance_;
};

}  // namespace rbdcrypt::rbd
