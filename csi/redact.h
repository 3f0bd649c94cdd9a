// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <string>

#include <google/protobuf/message.h>

namespace rbdcrypt::csi {

// Longest text of a message in the log; what base/log would cut anyway.
inline constexpr std::size_t kRedactedBytes = 1024;

// A message in one line for the log, without what nobody may read (safety E1):
//
//   volume_id="0001-…" secrets=[2 hidden] volume_capability={mount={fs_type="ext4"}}
//
// Found by reflection, so that a field added later is covered too: fields marked csi_secret (maps
// included) and mount_flags, which the specification calls sensitive without marking it, show
// only how many entries they have. Control characters, quotes and backslashes come out as \xNN.
// Fields that are not set are left out. At most `max_bytes`, then "...".
std::string Redact(const google::protobuf::Message& message,
                   std::size_t max_bytes = kRedactedBytes);

}  // namespace rbdcrypt::csi
