// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/first_metadata.h"

namespace rbdcrypt::rbd {

Result<std::string> FirstMetadata(Image& image, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    Result<std::string> value = image.GetMetadata(key);
    if (value.status().code() == Code::kNotFound || (value.ok() && value->empty())) {
      continue;
    }
    return value;
  }
  return std::string();
}

}  // namespace rbdcrypt::rbd
