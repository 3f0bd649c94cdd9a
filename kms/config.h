// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <set>
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

// Where entries come from: the mounted file, or ConfigMaps (kms/config_map_source.h). Thread safe.
class ConfigSource {
 public:
  virtual ~ConfigSource() = default;

  // kInvalidArgument: no such entry, or it is malformed; other entries stay usable. kUnavailable:
  // the source cannot be read now.
  virtual Result<ConfigEntry> Find(const Context& context, std::string_view kms_id) = 0;

  // The KMS IDs of all entries, malformed ones too. Errors as Find().
  virtual Result<std::set<std::string>> Ids(const Context& context) = 0;
};

// Reads one JSON object, KMS ID -> options, from a file, afresh for every call, as ceph-csi does
// (/etc/ceph-csi-encryption-kms-config/config.json). An absent file has no entries; one that is
// malformed, over 1 MiB or not ours to read is kInvalidArgument with its path.
class FileConfigSource final : public ConfigSource {
 public:
  explicit FileConfigSource(std::string path);

  Result<ConfigEntry> Find(const Context& context, std::string_view kms_id) override;
  Result<std::set<std::string>> Ids(const Context& context) override;

  // Whether the path names something, readable or not.
  bool IsThere() const;

 private:
  std::string path_;
};

// The file where there is one, whatever is wrong with it; otherwise the other source, if any
// (ceph-csi-compat 6.1). Asked anew by every call: a ConfigMap may be mounted late.
class FileFirstSource final : public ConfigSource {
 public:
  // Both must outlive it; `otherwise` may be null.
  FileFirstSource(FileConfigSource& file, ConfigSource* otherwise)
      : file_(file), otherwise_(otherwise) {}

  Result<ConfigEntry> Find(const Context& context, std::string_view kms_id) override {
    return Chosen().Find(context, kms_id);
  }

  Result<std::set<std::string>> Ids(const Context& context) override {
    return Chosen().Ids(context);
  }

 private:
  ConfigSource& Chosen() { return otherwise_ == nullptr || file_.IsThere() ? file_ : *otherwise_; }

  FileConfigSource& file_;
  ConfigSource* const otherwise_;
};

// Finds and checks one entry in the text of such a file; the fuzz target's door.
// kInvalidArgument: the text is no JSON object (names the byte, not the content), or as Find().
Result<ConfigEntry> FindEntry(std::string_view config_text, std::string_view kms_id);

// The KMS IDs in the text of such a file. kInvalidArgument: it is no JSON object.
Result<std::set<std::string>> EntryIds(std::string_view config_text);

// Checks one entry that has a text of its own, as a ConfigMap's value. kInvalidArgument: it is no
// JSON object of options, or names no provider.
Result<ConfigEntry> ParseEntry(std::string_view entry_text, std::string_view kms_id);

// kInvalidArgument, with what to do.
Status NoSuchEntry(std::string_view kms_id);

}  // namespace rbdcrypt::kms
