// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <initializer_list>
#include <string>

#include "base/status.h"
#include "rbd/image.h"

namespace rbdcrypt::rbd {

// The value of the first of `keys` that is set and not empty, "" where none is: newer names of a
// key stand before older ones (ceph-csi-compat 5.1), and ceph-csi's reads leave empty values
// behind. Errors of reading as they come; they never mean "not set" (safety A4).
Result<std::string> FirstMetadata(Image& image, std::initializer_list<const char*> keys);

}  // namespace rbdcrypt::rbd
