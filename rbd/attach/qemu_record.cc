// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/qemu_record.h"

#include <array>
#include <cstddef>
#include <filesystem>
#include <span>
#include <system_error>

#include "base/encoding.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "rbd/attach/small_file.h"

namespace rbdcrypt::rbd::attach {
namespace {

namespace fs = std::filesystem;

constexpr int kVersion = 1;

Result<QemuRecord> ParseRecord(const std::string& text) {
  constexpr std::string_view kWhat = "state.json";
  ASSIGN_OR_RETURN(const Json json, ParseJson(text, kWhat));
  ASSIGN_OR_RETURN(const auto version, OptionalInt(json, "version", kWhat));
  if (version != kVersion) {
    return InvalidArgument(Cat(kWhat, " is of version ", version.value_or(0), ", not ", kVersion,
                               ": take the volume down with the release that wrote it"));
  }
  QemuRecord record;
  ASSIGN_OR_RETURN(record.volume_id, RequiredString(json, "volumeId", kWhat));
  ASSIGN_OR_RETURN(record.pool, RequiredString(json, "pool", kWhat));
  ASSIGN_OR_RETURN(record.rados_namespace, RequiredString(json, "radosNamespace", kWhat));
  ASSIGN_OR_RETURN(record.image, RequiredString(json, "image", kWhat));
  ASSIGN_OR_RETURN(record.monitors, StringArray(json, "monitors", kWhat));
  ASSIGN_OR_RETURN(record.user, RequiredString(json, "user", kWhat));
  ASSIGN_OR_RETURN(record.loop_device, RequiredString(json, "loopDevice", kWhat));
  ASSIGN_OR_RETURN(const auto encrypted, OptionalBool(json, "encrypted", kWhat));
  ASSIGN_OR_RETURN(const auto read_only, OptionalBool(json, "readOnly", kWhat));
  ASSIGN_OR_RETURN(const auto data_offset, OptionalInt(json, "dataOffsetBytes", kWhat));
  if (data_offset.value_or(0) < 0) {
    return InvalidArgument(Cat(kWhat, ": dataOffsetBytes is negative"));
  }
  record.data_offset_bytes = static_cast<std::uint64_t>(data_offset.value_or(0));
  record.encrypted = encrypted.value_or(false);
  record.read_only = read_only.value_or(false);
  return record;
}

}  // namespace

std::string QemuFolder(std::string_view runtime_folder, std::string_view volume_id) {
  return Cat(runtime_folder, "/", HexEncode(Sha256(volume_id)));
}

std::string QemuLoopTag(std::string_view volume_id) {
  return HexEncode(Sha256(volume_id)).substr(0, 63);
}

Result<std::optional<QemuRecord>> LoadQemuRecord(const std::string& folder) {
  const auto text = ReadFile(fs::path(folder) / "state.json");
  if (text.status().code() == Code::kNotFound) {
    return std::nullopt;
  }
  RETURN_IF_ERROR(text.status());
  const auto record = ParseRecord(*text);
  if (!record.ok()) {
    return Internal(Cat(folder, "/", Message(record.status())));
  }
  return *record;
}

Status SaveQemuRecord(const std::string& folder, const QemuRecord& record) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) {
    fs::permissions(folder, fs::perms::owner_all, error);
  }
  if (error) {
    return FromErrno(error.value(), Cat("create ", folder));
  }
  const Json json = {{"version", kVersion},
                     {"volumeId", record.volume_id},
                     {"pool", record.pool},
                     {"radosNamespace", record.rados_namespace},
                     {"image", record.image},
                     {"monitors", record.monitors},
                     {"user", record.user},
                     {"encrypted", record.encrypted},
                     {"readOnly", record.read_only},
                     {"dataOffsetBytes", record.data_offset_bytes},
                     {"loopDevice", record.loop_device}};
  return ReplaceFile(fs::path(folder) / "state.json", json.dump() + "\n");
}

}  // namespace rbdcrypt::rbd::attach
