// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/metrics.h"
#include "base/status.h"
#include "kms/kms.h"
#include "rbd/image.h"
#include "rbd/keyslots.h"
#include "rbd/sent_dek.h"
#include "rbd/snapshot_headers.h"
#include "rbd/volume_lock.h"
#include "rotation/plan.h"

namespace rbdcrypt::rotation {

// One encrypted volume, found, locked and open for writing. All references must outlive the call.
struct RotatingVolume {
  // Its metadata has the state, records and, with a KMS that only wraps, the DEKs.
  rbd::Image& image;
  // Its header: through the image, or through the device that the image is mapped to where its
  // client keeps the exclusive lock to itself (safety G5).
  rbd::Keyslots& keyslots;
  rbd::SnapshotHeaders& snapshots;
  kms::Kms& kms;
  rbd::VolumeLock& lock;
  std::string volume_id;
};

struct RotationOptions {
  // Previous DEKs that stay in the store: 1, or 0 where no mirror, rollback or snapshot is ever to
  // be opened with one.
  int previous_deks = 1;
  // For how long a DEK that was sent to a key manager may still arrive (safety C); only a crash
  // test takes less.
  std::chrono::seconds orphan_grace = rbd::kLateWriteGrace;
  // An earlier rotation that stored a DEK no longer ago than this, and did not end, is what the
  // caller asks for again: to end it is enough. An older one is ended, and a new DEK is made.
  std::chrono::seconds resume_within = std::chrono::hours(24);
  // Told of each keyslot that opened with the previous DEK; may be null.
  Metrics* metrics = nullptr;
  // What decides; only the model explorer's mutations take another.
  Move (*next_move)(const rbd::KeyslotSurvey& found, bool is_done) = NextMove;
};

// What became of the DEK before the current one.
enum class PreviousDek { kNone, kKept, kKeptForSnapshots, kRemoved, kNotRemoved };

struct RotationReport {
  // The one live keyslot of ours.
  int keyslot = 0;
  // False: an earlier rotation had brought the DEK, and this one ended that.
  bool has_new_dek = false;
  // How old the DEK was that is replaced; nothing: not known.
  std::optional<std::chrono::seconds> old_dek_age;
  // The header answered to the previous DEK only: a mirror that lagged, or a rollback.
  bool started_from_previous = false;
  // Keyslots of ours that were dropped beside that of the old DEK: second ones of the current DEK,
  // and ones that no stored DEK explained.
  int dropped_second = 0;
  int dropped_unexplained = 0;
  // Keyslots of an administrator, which are never touched.
  std::vector<int> other_keyslots;
  // Whether one of those answers to the DEK that was replaced: then it opens the volume still.
  bool old_dek_opens_another = false;
  PreviousDek previous = PreviousDek::kNone;
  // Why it was not removed; snapshots that need it by name.
  std::string previous_reason;
};

// Replaces the DEK of a volume, whether it is in use or not, and whatever an earlier rotation, this
// driver's or ceph-csi's, left (safety C).
//
// Store and header are read, the next step is decided from what they hold (rotation/plan.h), and it
// is one durable change; then both are read again. So nothing is remembered that a crash could
// lose, and going on after one is the usual course. K0 is the DEK before, K1 the new one, X a key
// that nobody has stored:
//
//   a crash after                keyslots  store      the volume opens with  the next run
//   (none)                       K0        K0         K0                     begins
//   rotation.previous-restored   K0        K0         K0; it was previous    begins
//   rotation.begun               K0        K0         K0                     begins
//   header.…                     either    K0         K0                     as above or below
//   rotation.keyslot-added       K0 X      K0         K0                     fences, drops X
//   rotation.unexplained-seen    K0 X      K0         K0                     waits for its time
//   rotation.store-fenced        K0 X      K0         K0                     fences, drops X
//   rotation.dek-announced       K0 X      K0         K0                     waits, drops X
//   rotation.dek-stored          K0 K1     K1 (K0)    either                 drops K0, ends
//   rotation.keyslot-dropped     K1        K1 (K0)    K1                     ends
//   rotation.recorded            K1        K1 (K0)    K1                     ends
//   rotation.ended               K1        K1 (K0)    K1                     is another rotation
//   rotation.previous-removed    K1        K1         K1                     is another rotation
//
// And what ceph-csi leaves (ceph-csi-compat 5.11), its keyslots with a KDF of up to 1 GiB among
// it; cheap ones take their place:
//
//   after its step               slot 0, 1  store     this driver
//   2                            K0 K0      K0        drops the dearer one, begins
//   3, slot 0 dropped            -- K0      K0        begins
//   3, K1 added                  X  K0      K0        waits orphan_grace from first sight, drops X
//   4                            K1 K0      K1 (K0)   drops K0, begins
//   5                            K1 --      K1        begins
//
// What is never done: a keyslot is never changed in place; one other than 0 and 1 is never touched;
// none is dropped unless the DEK that the store holds, read back just before, opened another one of
// that very header by number; and none of those before an older write to the store is known to
// fail (rotation/fence.h). A previous DEK that a snapshot's header answers to is not pushed out.
//
// Repeatable. Every kAborted, kUnavailable, kDeadlineExceeded and kCancelled can be tried again and
// goes on where this call stopped; the volume opens all the while.
//   kFailedPrecondition  not encrypted, or not formatted yet; KMS `default` (safety B6); a snapshot
//                        needs the DEK that would be pushed out; the header forbids edits
//   kUnauthenticated     neither stored DEK opens the header
//   kAborted             the lock was lost, somebody else wrote header or store, RBD's exclusive
//                        lock cannot be had, or a DEK sent earlier may still arrive
//   kUnavailable         cluster or key manager, also: a write got no answer and is not there
//   kDataLoss            no header that verifies
//   kResourceExhausted   a keyslot's KDF takes more memory than there ever is here (safety E5)
// Others as key manager, image and luks::Header give them.
Result<RotationReport> Rotate(const Context& context,
                              const RotatingVolume& volume,
                              const RotationOptions& options);

}  // namespace rbdcrypt::rotation
