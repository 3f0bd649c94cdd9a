// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <ostream>

#include "base/status.h"
#include "cmd/options.h"

namespace rbdcrypt::cmd {

// Prints what rbd::FindOrphans finds, one a line or as JSON. Returns how many there are.
Result<int> PrintOrphans(const OrphansOptions& options, std::ostream& out);

}  // namespace rbdcrypt::cmd
