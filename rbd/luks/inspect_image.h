// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include "base/context.h"
#include "base/status.h"
#include "rbd/luks/header_io.h"
#include "rbd/luks/layout.h"

namespace rbdcrypt::rbd::luks {

// Reads the beginning of the image behind `io` and says what it is: two copies where the first is
// whole, up to 8 MiB where it is not, as a second copy may lie up to there. Writes nothing.
// Errors are those of `io`: what cannot be read is never taken as empty (safety A4).
Result<Inspection> InspectImage(const Context& context, HeaderIo& io);

}  // namespace rbdcrypt::rbd::luks
