// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace rbdcrypt::rotation {

// The 32-bit FNV-1a hash (draft-eastlake-fnv): stable across versions and machines.
std::uint32_t Fnv1a32(std::string_view text);

// How long after its tick a run begins: the same for the same `uid`, spread evenly over the smaller
// of `window` and `interval`, the time to the following tick; in whole seconds, less than either,
// zero where one is below a second.
//
// Byte for byte csi-addons' (csi-and-addons 3.2), which names a Job after its tick and this offset:
// with the UID of the CronJob, either makes the same Jobs.
std::chrono::seconds StaggerOffset(std::string_view uid,
                                   std::chrono::seconds window,
                                   std::chrono::seconds interval);

}  // namespace rbdcrypt::rotation
