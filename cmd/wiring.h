// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include "base/status.h"
#include "cmd/options.h"

namespace rbdcrypt::cmd {

// Each builds its role from its options, serves until SIGTERM or SIGINT, lets the calls in flight
// end, and returns. To be called before any other thread is made.
// kInvalidArgument names the flag; others as csi::Server and Metrics give them.
Status RunController(const ControllerOptions& options);
Status RunNode(const NodeOptions& options);

}  // namespace rbdcrypt::cmd
