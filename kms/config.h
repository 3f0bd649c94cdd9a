// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include "base/context.h"
#include "base/json.h"
#include "base/status.h"

namespace rbdcrypt::kms {

// One entry of the KMS configuration: the options below one KMS ID, as the file has them.
struct ConfigEntry {
  std::string id;
  // From encryptionKMSType, else KMS_PROVIDER (ceph-csi-compat 6.1, 6.4).
  std::string provider;
  Json options;
};

// Where entries come from: the mounted file, later ConfigMaps. Thread safe.
class ConfigSource {
 public:
  virtual ~ConfigSource() = default;

  // kInvalidArgument: no such entry, or it is malformed; other entries stay usable. kUnavailable:
  // the source cannot be read now.
  virtual Result<ConfigEntry> Find(const Context& context, std::string_view kms_id) = 0;
};

// Reads one JSON object, KMS ID -> options, from a file, afresh for every call, as ceph-csi does
// (/etc/ceph-csi-encryption-kms-config/config.json). An absent file has no entries; one that is
// malformed, over 1 MiB or not ours to read is kInvalidArgument with its path.
class FileConfigSource final : public ConfigSource {
 public:
  explicit FileConfigSource(std::string path);

  Result<ConfigEntry> Find(const Context& context, std::string_view kms_id) override;

 private:
  std::string path_;
};

// Finds and checks one entry in the text of such a file; the fuzz target's door.
// kInvalidArgument: the text is no JSON object (names the byte, not the content), or as Find().
Result<ConfigEntry> FindEntry(std::string_view config_text, std::string_view kms_id);

}  // namespace rbdcrypt::kms
