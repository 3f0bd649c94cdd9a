// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "rbd/encrypted_images.h"

namespace rbdcrypt::cmd {

// "volume", "snapshot", "intermediate", "unknown".
std::string_view RoleName(rbd::ImageRole role);

// For a person, in one line: "volume 0001-…, image csi-vol-… in the trash, tenant team-a".
std::string ImageText(const rbd::EncryptedImage& found);

// The same for a program: {"kind": "volume", "volumeId": …, "image": …, "trashId": "", "kmsId": …,
// "tenant": …}.
Json ImageJson(const rbd::EncryptedImage& found);

// "NOT_FOUND: the text".
std::string StatusText(const Status& status);

// {"code": "NOT_FOUND", "message": "the text"}.
Json StatusJson(const Status& status);

}  // namespace rbdcrypt::cmd
