// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/image_text.h"

#include "base/strings.h"

namespace rbdcrypt::cmd {

std::string_view RoleName(rbd::ImageRole role) {
  switch (role) {
    case rbd::ImageRole::kVolume:
      return "volume";
    case rbd::ImageRole::kSnapshot:
      return "snapshot";
    case rbd::ImageRole::kIntermediate:
      return "intermediate";
    default:
      return "unknown";
  }
}

std::string ImageText(const rbd::EncryptedImage& found) {
  const bool has_id =
      found.role == rbd::ImageRole::kVolume || found.role == rbd::ImageRole::kSnapshot;
  std::string text = has_id ? Cat(RoleName(found.role), " ", found.volume_id, ", ") : "";
  text += Cat("image ", found.listed.name);
  if (!found.listed.trash_id.empty()) {
    text += Cat(" in the trash (id ", found.listed.trash_id, ")");
  }
  return found.owner.empty() ? text : Cat(text, ", tenant ", found.owner);
}

Json ImageJson(const rbd::EncryptedImage& found) {
  return {{"kind", RoleName(found.role)}, {"volumeId", found.volume_id},
          {"image", found.listed.name},   {"trashId", found.listed.trash_id},
          {"kmsId", found.kms_id},        {"tenant", found.owner}};
}

std::string StatusText(const Status& status) {
  return Cat(CodeName(status.code()), ": ", Message(status));
}

Json StatusJson(const Status& status) {
  return {{"code", CodeName(status.code())}, {"message", Message(status)}};
}

}  // namespace rbdcrypt::cmd
