// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "rbd/omap.h"

namespace rbdcrypt::rbd {

// Who holds a volume lock, kept in the omap of the lock's object while it is held (docs/adr/0013).
// Set and removed in the very operations that take and release the lock, so there is no moment at
// which a holder of this driver has none.
struct HolderRecord {
  // Of all clients that may write for this holder: its own, and those of devices it mapped. As
  // Connection::Blocklist takes them.
  std::vector<std::string> addresses;
  // VolumeLock::Options.
  std::string identity;
  std::string process;
  std::int64_t since_unix_seconds = 0;

  bool Names(std::string_view address) const;
};

// The omap key of the holder at that address: one per client, so that none overwrites or removes
// another's.
std::string HolderKey(std::string_view own_address);

std::string FormatHolderRecord(const HolderRecord& record);

// A record and the omap key and value it was read from.
struct FoundHolder {
  HolderRecord record;
  std::string key;
  std::string value;
};

// All records of a lock object; an object that is not there has none. kFailedPrecondition: one that
// nobody can read: whom to fence is not known, and going on without is what it is there to prevent.
Result<std::vector<FoundHolder>> ReadHolders(Omap& omap, std::string_view object);

// Since when somebody waits to take over from the holder at `address`, which cannot be fenced, in
// Unix seconds by the clock of whoever saw it first; written now if nobody did.
Result<std::int64_t> SeenSince(Omap& omap,
                               std::string_view object,
                               std::string_view address,
                               std::int64_t now_unix_seconds);

// Removes the record, and what SeenSince left for it. Ok if it is gone.
Status ForgetHolder(Omap& omap, std::string_view object, const FoundHolder& holder);

}  // namespace rbdcrypt::rbd
