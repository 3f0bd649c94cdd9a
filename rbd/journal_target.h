// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rbdcrypt::rbd {

// What a key of the journal's directory leads to: "<uuid>", or "<pool ID>/<uuid>" where the image
// is in another pool than the journal (ceph-csi-compat 2.1).
struct JournalTarget {
  // Of the image's pool; nothing for the journal's own.
  std::optional<std::int64_t> pool_id;
  std::string uuid;
};

// Nothing: it is neither form.
std::optional<JournalTarget> ParseJournalTarget(std::string_view value);

// A pool ID as the journal writes it: 16 lower-case hexadecimal digits.
std::string PoolIdText(std::int64_t pool_id);

// The reverse, digits of either case; nothing: it is none.
std::optional<std::int64_t> ParsePoolIdText(std::string_view text);

}  // namespace rbdcrypt::rbd
