// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/version.h"

#include "base/strings.h"

namespace rbdcrypt::kmip {

std::string Version::Text() const {
  return Cat(major, '.', minor);
}

const std::vector<Version>& KnownVersions() {
  static const std::vector<Version> versions = {{2, 1}, {2, 0}, {1, 4}, {1, 3},
                                                {1, 2}, {1, 1}, {1, 0}};
  return versions;
}

}  // namespace rbdcrypt::kmip
