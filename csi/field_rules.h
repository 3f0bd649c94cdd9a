// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <google/protobuf/message.h>

#include "base/status.h"

namespace rbdcrypt::csi {

// Largest `string` of a request unless it is a path (CSI 1.12, field rules).
inline constexpr std::size_t kMaxStringBytes = 128;

// Largest path: the operating system's (PATH_MAX).
inline constexpr std::size_t kMaxPathBytes = 4096;

// Checks a request against CSI 1.12's rules for its fields, from one table for all requests: what
// is required is there, names have no control characters, volume IDs are fit to be a file's name,
// strings and paths keep their limits. Comes before anything asks whether the volume exists.
//
// Maps are not measured (the rule says 4 KiB): Secrets with a certificate in them and
// StorageClasses with many pools are larger, and ceph-csi takes them. kInvalidArgument names the
// field.
Status CheckRequest(const google::protobuf::Message& request);

}  // namespace rbdcrypt::csi
