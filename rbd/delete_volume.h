// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include "base/context.h"
#include "base/status.h"
#include "rbd/volume_flow.h"
#include "rbd/volume_location.h"

namespace rbdcrypt::rbd {

// Deletes a volume that was found, over a connection for work under the lock (safety B3). Every
// step is repeatable, and whatever a later step needs is still there while an earlier one may be
// open:
//
//   a crash after            left behind                      the next delete
//   lock.acquired            whole volume                     fences, starts over
//   delete.image-to-trash    DEK in the key manager, journal  finds the image in the trash
//   delete.dek               trash, journal                   the same
//   delete.trash             journal                          goes on
//   delete.directory-key     lock, journal object             finds it by the UUID in the volume ID
//   lock.object-removed      journal object                   makes the object again, removes it
//   delete.journal-object    nothing                          nothing to do
//
// A DEK that cannot be reached for good (entry or credentials gone) does not stop it: log line,
// metric and event "unreleased_dek" (safety B3). A key manager that is merely down does:
// kUnavailable, with image and journal as they are then.
// kFailedPrecondition: the image is open somewhere. kAborted: the lock is taken.
Status DeleteLocatedVolume(const Context& context,
                           const Caller& caller,
                           const VolumeFlowParts& parts,
                           LocatedVolume& volume);

// The same for what a failed create leaves, and only for that (safety B4): the volume must not have
// been finished by another process meanwhile. An encrypted one is finished once its state says so;
// a plain one once its image is there, so of that only the reservation is ever taken back.
// `created_image`: whether the failed call made the image; another's is kept.
// kAborted: it is, or may be, another's; nothing was removed. Otherwise as above.
Status DeleteUnfinishedVolume(const Context& context,
                              const Caller& caller,
                              const VolumeFlowParts& parts,
                              LocatedVolume& volume,
                              bool created_image);

}  // namespace rbdcrypt::rbd
