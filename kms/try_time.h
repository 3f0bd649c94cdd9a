// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include "base/context.h"

namespace rbdcrypt::kms {

// The context of one try at one of several servers: of the call's time half of what is left, so
// that a server that says nothing leaves the others some, but no less than 1 s, so that a slow one
// is not called dead.
Context WithTimeForOthers(const Context& context);

}  // namespace rbdcrypt::kms
