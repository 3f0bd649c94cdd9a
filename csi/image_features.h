// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace rbdcrypt::csi {

// The feature bits of a StorageClass's imageFeatures, a comma list (ceph-csi-compat 4.1):
//
//   name             bit  needs
//   layering           1  -
//   exclusive-lock     4  -
//   object-map         8  exclusive-lock
//   fast-diff         16  object-map
//   deep-flatten      32  -
//   journaling        64  exclusive-lock, and mounter rbd-nbd: no kernel maps such images
//
// kInvalidArgument: empty, an unknown name, or something needed is missing.
Result<std::uint64_t> ParseImageFeatures(std::string_view text, std::string_view mounter);

}  // namespace rbdcrypt::csi
