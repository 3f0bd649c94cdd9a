// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>

#include "base/context.h"
#include "base/status.h"
#include "rbd/image.h"

namespace rbdcrypt::rbd {

// The addresses of everybody but us who has the image open, joined by ", "; "" for nobody.
Result<std::string> OtherUsers(Image& image);

// Waits until nobody else has the image open: a client that died is counted for 30 s more (RADOS
// drops its watch then), and a stage must not fail for that. Gives up after 40 s, or 5 s before
// the call's time is up: kFailedPrecondition, naming `what` and the addresses.
Status WaitUntilUnused(const Context& context, Image& image, const std::string& what);

}  // namespace rbdcrypt::rbd
