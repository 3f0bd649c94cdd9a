// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string_view>

#include "base/source_location.h"
#include "base/status.h"

namespace rbdcrypt::rbd {

// Converts what librados and librbd return, a negative errno, of a failed call. As FromErrno, but:
//
//   ESHUTDOWN   kAborted             this client was fenced (Ceph's EBLOCKLISTED is this number)
//   ECANCELED   kAborted             a compare of the operation failed
//   EROFS       kFailedPrecondition  opened for reading only
//   ETIMEDOUT   kUnavailable         the cluster did not answer within the time-out
//   EOPNOTSUPP  kUnimplemented       the cluster is too old, or the image lacks the feature
//
// `message` names the object or image. Where a call gives a number a meaning of its own (EBUSY of a
// lock), the caller looks first.
Status FromRados(int result,
                 std::string_view message,
                 SourceLocation where = SourceLocation::Current());

}  // namespace rbdcrypt::rbd
