// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>

#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt::cmd {

// The content of a small file (up to 4 KiB) without the line break at its end.
// kInvalidArgument: larger, or empty. As errno else.
Result<Secret> ReadSecretFile(const std::string& path);

}  // namespace rbdcrypt::cmd
