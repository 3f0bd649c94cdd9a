// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace rbdcrypt::rbd::attach {

// What a volume's folder under the runtime folder says of its daemon, in state.json (mode 0600,
// nothing secret):
//
//   {"version":1,"volumeId":"0001-…","pool":"rbd","radosNamespace":"","image":"csi-vol-…",
//    "monitors":["10.0.0.1:6789"],"user":"csi","encrypted":true,"readOnly":false,
//    "dataOffsetBytes":16777216,"loopDevice":"/dev/loop3"}
//
// Written before the daemon is started, and again with the loop device when all is done: a record
// without one is of an attachment that was never finished.
struct QemuRecord {
  std::string volume_id;
  std::string pool;
  std::string rados_namespace;
  std::string image;
  // For what the daemon is asked to open later; it has the key.
  std::vector<std::string> monitors;
  std::string user;
  bool encrypted = false;
  bool read_only = false;
  // By which the raw image is larger than the export; 0 where nobody said it.
  std::uint64_t data_offset_bytes = 0;
  std::string loop_device;

  bool IsComplete() const { return !loop_device.empty(); }
};

// "<runtime folder>/<SHA-256 of the volume ID>": volume IDs may be longer than a socket's path.
std::string QemuFolder(std::string_view runtime_folder, std::string_view volume_id);

// What marks the volume's loop device: the 63 characters of that sum which the kernel keeps.
std::string QemuLoopTag(std::string_view volume_id);

// The record of `folder`, or nothing. kInternal: there is one, but not of this form.
Result<std::optional<QemuRecord>> LoadQemuRecord(const std::string& folder);

// Creates the folder (mode 0700) where needed; durable when it returns.
Status SaveQemuRecord(const std::string& folder, const QemuRecord& record);

}  // namespace rbdcrypt::rbd::attach
