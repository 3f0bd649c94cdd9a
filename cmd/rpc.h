// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <istream>
#include <ostream>

#include "cmd/options.h"

namespace rbdcrypt::cmd {

// Makes one CSI call: the request as JSON from `in` (protobuf's own mapping, "" or "{}" for an
// empty one), the answer as one line of JSON to `out`.
//
// Returns the exit code: 0; 1 if the call failed, with {"code": "ABORTED", "message": "…"} on
// `error`; 2 if there is no such method or the JSON does not fit its request. Secrets in a request
// pass through protobuf's own buffers (SECURITY.md).
int CallRpc(const RpcOptions& options, std::istream& in, std::ostream& out, std::ostream& error);

}  // namespace rbdcrypt::cmd
