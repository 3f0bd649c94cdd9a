// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include "base/status.h"

namespace rbdcrypt::net {

// Whether a request that ended with this error may have reached the server and been acted upon.
// False only where that is sure, as when nobody listened. Of a status that no request ended with:
// true.
bool MayHaveArrived(const Status& status);

// Marks an error as one that left before the server could act.
Status NeverArrived(Status status);

}  // namespace rbdcrypt::net
