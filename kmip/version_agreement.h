// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <string>

#include "base/status.h"
#include "kmip/messages.h"
#include "kmip/version.h"

namespace rbdcrypt::kmip {

// Sends a request under a header of that version to the server in question; errors as
// Connection::Ask().
using Asker = std::function<Result<Answer>(Version header, const Request& request)>;

// The version to use with `server`, whose address is for texts (kmip.md 7): the newest of those
// that it names in answer to Discover Versions and that we know, in whatever order, and whatever
// else it names.
//
// We offer all we know, under a header of 1.4. A server that does not take that (Invalid Message,
// Operation Not Supported, or that the version is unsupported) is asked again under 1.2. One that
// does not take that either is of 1.0, which has no Discover Versions, if it answers a Query under
// it; else the other headers are tried, for a server that takes a single one of them.
//
// kFailedPrecondition: it names none of ours, or takes none of these headers. Other errors are
// those of `ask`. No I/O of its own.
Result<Version> AgreeOnVersion(const std::string& server, const Asker& ask);

}  // namespace rbdcrypt::kmip
