// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/field_rules.h"

#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"

namespace rbdcrypt::csi {
namespace {

namespace proto = ::google::protobuf;

enum class Kind {
  kPresent,     // required, nothing more
  kName,        // required, 128 bytes, no control characters but tab, LF, CR
  kNodeId,      // required, 256 bytes
  kVolumeId,    // required, 128 bytes, and fit to be a file's name
  kTargetPath,  // required, absolute
  kLookupPath,  // required; a relative one is merely not found
  kMaybePath,   // optional; absolute if given
};

struct Rule {
  std::string_view request;
  std::string_view field;
  Kind kind;
};

// In the order in which a caller hears of what is missing. DeleteVolume and the unpublish calls of
// the controller take any ID: what they do not know is gone already.
constexpr Rule kRules[] = {
    {"CreateVolumeRequest", "name", Kind::kName},
    {"CreateVolumeRequest", "volume_capabilities", Kind::kPresent},
    {"DeleteVolumeRequest", "volume_id", Kind::kPresent},
    {"ControllerPublishVolumeRequest", "volume_id", Kind::kPresent},
    {"ControllerPublishVolumeRequest", "node_id", Kind::kNodeId},
    {"ControllerPublishVolumeRequest", "volume_capability", Kind::kPresent},
    {"ControllerUnpublishVolumeRequest", "volume_id", Kind::kPresent},
    {"ValidateVolumeCapabilitiesRequest", "volume_id", Kind::kPresent},
    {"ValidateVolumeCapabilitiesRequest", "volume_capabilities", Kind::kPresent},
    {"ControllerExpandVolumeRequest", "volume_id", Kind::kVolumeId},
    {"ControllerExpandVolumeRequest", "capacity_range", Kind::kPresent},
    {"NodeStageVolumeRequest", "volume_id", Kind::kVolumeId},
    {"NodeStageVolumeRequest", "staging_target_path", Kind::kTargetPath},
    {"NodeStageVolumeRequest", "volume_capability", Kind::kPresent},
    {"NodeUnstageVolumeRequest", "volume_id", Kind::kVolumeId},
    {"NodeUnstageVolumeRequest", "staging_target_path", Kind::kTargetPath},
    {"NodePublishVolumeRequest", "volume_id", Kind::kVolumeId},
    {"NodePublishVolumeRequest", "target_path", Kind::kTargetPath},
    {"NodePublishVolumeRequest", "volume_capability", Kind::kPresent},
    {"NodePublishVolumeRequest", "staging_target_path", Kind::kMaybePath},
    {"NodeUnpublishVolumeRequest", "volume_id", Kind::kVolumeId},
    {"NodeUnpublishVolumeRequest", "target_path", Kind::kTargetPath},
    {"NodeGetVolumeStatsRequest", "volume_id", Kind::kVolumeId},
    {"NodeGetVolumeStatsRequest", "volume_path", Kind::kLookupPath},
    {"NodeGetVolumeStatsRequest", "staging_target_path", Kind::kMaybePath},
    {"NodeExpandVolumeRequest", "volume_id", Kind::kVolumeId},
    {"NodeExpandVolumeRequest", "volume_path", Kind::kLookupPath},
    {"NodeExpandVolumeRequest", "staging_target_path", Kind::kMaybePath},
};

bool IsSet(const proto::Message& request, const proto::FieldDescriptor& field) {
  const proto::Reflection& reflection = *request.GetReflection();
  return field.is_repeated() ? reflection.FieldSize(request, &field) > 0
                             : reflection.HasField(request, &field);
}

// C0 controls but tab, LF, CR, and U+007F to U+009F, which UTF-8 writes 7F and C2 80 to C2 9F.
bool HasControlCharacter(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const auto next = at + 1 < text.size() ? static_cast<unsigned char>(text[at + 1]) : 0U;
    const bool is_c1 = byte == 0xc2 && next >= 0x80 && next <= 0x9f;
    const bool is_c0 = byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r';
    if (is_c0 || byte == 0x7f || is_c1) {
      return true;
    }
  }
  return false;
}

bool IsFileName(std::string_view text) {
  return text != "." && text != ".." && text.find_first_of("/\t\n\r") == std::string_view::npos &&
         !HasControlCharacter(text);
}

bool HasParentStep(std::string_view path) {
  for (const std::string& step : Split(path, '/')) {
    if (step == "..") {
      return true;
    }
  }
  return false;
}

Status TooLong(const Rule& rule, std::size_t limit) {
  return InvalidArgument(Cat(rule.field, ": is longer than ", limit, " bytes"));
}

Status CheckPath(const Rule& rule, std::string_view path) {
  if (path.size() > kMaxPathBytes) {
    return TooLong(rule, kMaxPathBytes);
  }
  if (path.find('\0') != std::string_view::npos) {
    return InvalidArgument(Cat(rule.field, ": holds a NUL"));
  }
  if (rule.kind == Kind::kLookupPath) {
    return OkStatus();
  }
  if (!path.starts_with('/') || HasParentStep(path)) {
    return InvalidArgument(Cat(rule.field, ": is no absolute path without \"..\""));
  }
  return OkStatus();
}

Status CheckText(const Rule& rule, std::string_view text) {
  switch (rule.kind) {
    case Kind::kPresent:
      return OkStatus();
    case Kind::kNodeId:
      return text.size() > 2 * kMaxStringBytes ? TooLong(rule, 2 * kMaxStringBytes) : OkStatus();
    case Kind::kName:
      if (HasControlCharacter(text)) {
        return InvalidArgument(Cat(rule.field, ": holds a control character"));
      }
      return text.size() > kMaxStringBytes ? TooLong(rule, kMaxStringBytes) : OkStatus();
    case Kind::kVolumeId:
      if (!IsFileName(text)) {
        return InvalidArgument(Cat(rule.field, ": is no volume ID of this driver"));
      }
      return text.size() > kMaxStringBytes ? TooLong(rule, kMaxStringBytes) : OkStatus();
    case Kind::kTargetPath:
    case Kind::kLookupPath:
    case Kind::kMaybePath:
      return CheckPath(rule, text);
  }
  return OkStatus();
}

Status CheckField(const proto::Message& request, const Rule& rule) {
  const proto::FieldDescriptor* field =
      request.GetDescriptor()->FindFieldByName(std::string(rule.field));
  RBDCRYPT_CHECK(field != nullptr);
  if (!IsSet(request, *field)) {
    return rule.kind == Kind::kMaybePath ? OkStatus()
                                         : InvalidArgument(Cat(rule.field, ": is missing"));
  }
  if (field->cpp_type() != proto::FieldDescriptor::CPPTYPE_STRING) {
    return OkStatus();
  }
  std::string scratch;
  return CheckText(rule, request.GetReflection()->GetStringReference(request, field, &scratch));
}

}  // namespace

Status CheckRequest(const proto::Message& request) {
  for (const Rule& rule : kRules) {
    if (rule.request == request.GetDescriptor()->name()) {
      RETURN_IF_ERROR(CheckField(request, rule));
    }
  }
  return OkStatus();
}

}  // namespace rbdcrypt::csi
