// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string_view>

namespace rbdcrypt::csi {

// A boolean in the spellings that Go's strconv.ParseBool takes, and so ceph-csi's users may have
// written (ceph-csi-compat 4.1, encrypted); nothing for any other text.
constexpr std::optional<bool> ParseGoBool(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) {
      return true;
    }
  }
  for (const std::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) {
      return false;
    }
  }
  return std::nullopt;
}

}  // namespace rbdcrypt::csi
