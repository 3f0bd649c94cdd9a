// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "rbd/rados_client.h"

namespace rbdcrypt::rbd {

// Changes of image metadata by the OSDs' own class "rbd", as librbd carries them out once it owns
// the image's exclusive lock. The lock is not needed for them: each is one atomic operation on the
// header object. Without it a volume that a node uses keeps its lock there, and the holder record
// (safety G2) can be written whoever owned the lock and died.
//
// Not for images with the feature journaling, whose mirror learns of changes by the journal.
//
//   call             input, integers 32 bits little-endian
//   metadata_set     count, then per pair: size of key, key, size of value, value
//   metadata_remove  size of key, key

// All pairs in one operation. kNotFound: the image is gone.
Status SetImageMetadata(const RadosPool& pool,
                        const std::string& header_object,
                        const std::map<std::string, std::string>& pairs);

// Ok if there is no such key, or no image.
Status RemoveImageMetadata(const RadosPool& pool,
                           const std::string& header_object,
                           std::string_view key);

}  // namespace rbdcrypt::rbd
