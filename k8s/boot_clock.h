// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include "base/clock.h"

namespace rbdcrypt::k8s {

// A clock whose steady time passes while the machine is suspended, too (CLOCK_BOOTTIME), as
// SystemClock()'s does not: for what another machine counts at the same time, like the end of a
// lease. Lives as long as the process.
//
// Its moments mean nothing to another clock: contexts, deadlines and waits of one piece of work are
// all of this one, as they are where the work takes its clock from its context.
Clock& BootClock();

}  // namespace rbdcrypt::k8s
