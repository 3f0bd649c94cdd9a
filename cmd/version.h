// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>

namespace rbdcrypt::cmd {

// The project's version, as CMakeLists.txt has it: "0.1.0".
inline std::string Version() {
  return RBDCRYPT_VERSION;
}

}  // namespace rbdcrypt::cmd
