// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string_view>

#include "base/context.h"
#include "base/status.h"

namespace rbdcrypt::kmip {

// What a limit of ours that ran out means: kDeadlineExceeded becomes kUnavailable with `text`, for
// it is the server that was too slow, unless the `caller` has no time left either. Other errors and
// the mark of net::NeverArrived() stay.
Status ServersTimeOut(const Status& status, const Context& caller, std::string_view text);

}  // namespace rbdcrypt::kmip
