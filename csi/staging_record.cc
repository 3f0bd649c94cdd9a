// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/staging_record.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/json.h"
#include "base/strings.h"
#include "csi/names.h"
#include "csi/node_files.h"

namespace rbdcrypt::csi {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr int kImageMetaVersion = 3;
constexpr int kIntentVersion = 1;

std::string Dump(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

// Go's encoder writes these as \u00xx; they can only stand within strings.
std::string EscapeLikeGo(const std::string& json) {
  std::string escaped;
  for (const char character : json) {
    switch (character) {
      case '<':
        escaped.append("\\u003c");
        break;
      case '>':
        escaped.append("\\u003e");
        break;
      case '&':
        escaped.append("\\u0026");
        break;
      default:
        escaped.push_back(character);
    }
  }
  return escaped;
}

bool IsNamePart(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char character) {
    return character == '/' || std::iscntrl(character) != 0;
  });
}

Result<std::string> Text(const Json& json, std::string_view field, std::string_view file) {
  ASSIGN_OR_RETURN(auto value, OptionalString(json, field, file));
  return value.value_or("");
}

Result<bool> Flag(const Json& json, std::string_view field, std::string_view file) {
  ASSIGN_OR_RETURN(const auto value, OptionalBool(json, field, file));
  return value.value_or(false);
}

Result<ImageMeta> ReadImageMetaFields(const Json& json) {
  ImageMeta meta;
  ASSIGN_OR_RETURN(meta.pool, Text(json, "pool", kImageMetaFile));
  ASSIGN_OR_RETURN(meta.rados_namespace, Text(json, "radosNamespace", kImageMetaFile));
  ASSIGN_OR_RETURN(meta.image, Text(json, "image", kImageMetaFile));
  ASSIGN_OR_RETURN(meta.unmap_options, Text(json, "unmapOptions", kImageMetaFile));
  ASSIGN_OR_RETURN(meta.is_rbd_nbd, Flag(json, "accessType", kImageMetaFile));
  ASSIGN_OR_RETURN(meta.encrypted, Flag(json, "encrypted", kImageMetaFile));
  ASSIGN_OR_RETURN(meta.device, Text(json, "device", kImageMetaFile));
  return meta;
}

Result<StageIntent> ReadIntentFields(const Json& json) {
  ASSIGN_OR_RETURN(const auto version, OptionalInt(json, "version", kStageRecordFile));
  if (version != kIntentVersion) {
    return InvalidArgument(Cat(kStageRecordFile, " is of version ", version.value_or(0), ", not ",
                               kIntentVersion,
                               ": unstage the volume with the release that wrote it"));
  }
  StageIntent intent;
  ASSIGN_OR_RETURN(intent.volume_id, RequiredString(json, "volumeID", kStageRecordFile));
  ASSIGN_OR_RETURN(intent.attacher, RequiredString(json, "attacher", kStageRecordFile));
  ASSIGN_OR_RETURN(intent.is_block, Flag(json, "block", kStageRecordFile));
  ASSIGN_OR_RETURN(intent.is_read_only, Flag(json, "readOnly", kStageRecordFile));
  ASSIGN_OR_RETURN(intent.fs_type, Text(json, "fsType", kStageRecordFile));
  ASSIGN_OR_RETURN(intent.cluster_fsid, Text(json, "clusterFsid", kStageRecordFile));
  return intent;
}

// What a file of ours says wrongly was damaged, not asked for wrongly.
Status AsDamage(const Status& status) {
  return DataLoss(Message(status));
}

template <typename Record>
Result<std::optional<Record>> ReadRecord(const std::string& path,
                                         Result<Record> (*parse)(std::string_view text)) {
  const Result<std::string> text = ReadSmallFile(path, kMaxRecordBytes);
  if (text.status().code() == Code::kNotFound) {
    return std::optional<Record>();
  }
  RETURN_IF_ERROR(text.status());
  Result<Record> record = parse(*text);
  if (!record.ok()) {
    return Annotate(record.status(), path);
  }
  return std::optional<Record>(*std::move(record));
}

}  // namespace

std::string FormatImageMeta(const ImageMeta& meta) {
  const OrderedJson json = {{"Version", kImageMetaVersion},
                            {"pool", meta.pool},
                            {"radosNamespace", meta.rados_namespace},
                            {"image", meta.image},
                            {"unmapOptions", meta.unmap_options},
                            {"accessType", meta.is_rbd_nbd},
                            {"encrypted", meta.encrypted},
                            {"device", meta.device},
                            {"logDir", ""},
                            {"logFileStrategy", ""}};
  return EscapeLikeGo(Dump(json));
}

std::string FormatStageIntent(const StageIntent& intent) {
  const OrderedJson json = {{"version", kIntentVersion},         {"volumeID", intent.volume_id},
                            {"attacher", intent.attacher},       {"block", intent.is_block},
                            {"readOnly", intent.is_read_only},   {"fsType", intent.fs_type},
                            {"clusterFsid", intent.cluster_fsid}};
  return Dump(json);
}

Result<ImageMeta> ParseImageMeta(std::string_view text) {
  const Result<Json> json = ParseJson(text, kImageMetaFile);
  if (!json.ok()) {
    return AsDamage(json.status());
  }
  Result<ImageMeta> meta = ReadImageMetaFields(*json);
  if (!meta.ok()) {
    return AsDamage(meta.status());
  }
  if (meta->pool.empty() || meta->image.empty()) {
    return DataLoss(Cat(kImageMetaFile, ": names no pool or no image"));
  }
  if (!IsNamePart(meta->pool) || !IsNamePart(meta->rados_namespace) || !IsNamePart(meta->image)) {
    return DataLoss(Cat(kImageMetaFile, ": pool, radosNamespace or image cannot be one"));
  }
  return meta;
}

Result<StageIntent> ParseStageIntent(std::string_view text) {
  const Result<Json> json = ParseJson(text, kStageRecordFile);
  if (!json.ok()) {
    return AsDamage(json.status());
  }
  Result<StageIntent> intent = ReadIntentFields(*json);
  return intent.ok() ? intent : AsDamage(intent.status());
}

StagingRecord::StagingRecord(std::string staging_path) : staging_path_(std::move(staging_path)) {}

std::string StagingRecord::Path(std::string_view file) const {
  return Cat(staging_path_, "/", file);
}

Result<std::optional<ImageMeta>> StagingRecord::ReadImageMeta() const {
  return ReadRecord<ImageMeta>(Path(kImageMetaFile), ParseImageMeta);
}

Result<std::optional<StageIntent>> StagingRecord::ReadIntent() const {
  return ReadRecord<StageIntent>(Path(kStageRecordFile), ParseStageIntent);
}

Status StagingRecord::WriteImageMeta(const ImageMeta& meta) const {
  return WriteFileDurably(Path(kImageMetaFile), FormatImageMeta(meta));
}

Status StagingRecord::WriteIntent(const StageIntent& intent) const {
  return WriteFileDurably(Path(kStageRecordFile), FormatStageIntent(intent));
}

Status StagingRecord::Remove() const {
  for (const std::string_view file : {kStageRecordFile, kImageMetaFile}) {
    RETURN_IF_ERROR(RemoveFile(Cat(Path(file), kTemporarySuffix)));
    RETURN_IF_ERROR(RemoveFile(Path(file)));
  }
  return OkStatus();
}

}  // namespace rbdcrypt::csi
