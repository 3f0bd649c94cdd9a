// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "rbd/journal.h"
#include "rbd/omap.h"

namespace rbdcrypt::rbd {

// Which of the two journals (ceph-csi-compat 2.1): csi.volume.<uuid>, or csi.snap.<uuid>.
enum class JournalKind { kVolume, kSnapshot };

std::string JournalObjectName(JournalKind kind, std::string_view uuid);

// "csi-vol-<uuid>" or "csi-snap-<uuid>": where the object names no image.
std::string DefaultImageName(JournalKind kind, std::string_view uuid);

// What the object's keys say; of a snapshot the request name is that of its CreateSnapshot.
// kInternal: csi.journalpool is no pool ID.
Result<JournalEntry> ParseJournalEntry(JournalKind kind,
                                       const std::string& uuid,
                                       const OmapValues& values);

// The entry of that UUID; nothing: there is no such object. Errors as of ParseJournalEntry, and of
// `omap` as they come.
Result<std::optional<JournalEntry>> ReadJournalObject(Omap& omap,
                                                      JournalKind kind,
                                                      std::string_view uuid);

// The UUID that an image's name ends with, as every one does that the journal names
// (ceph-csi-compat 1.2); else "".
std::string UuidAtEnd(std::string_view image_name);

}  // namespace rbdcrypt::rbd
