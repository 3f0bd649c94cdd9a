// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/time_out.h"

#include "net/arrival.h"

namespace rbdcrypt::kmip {

Status ServersTimeOut(const Status& status, const Context& caller, std::string_view text) {
  if (status.code() != Code::kDeadlineExceeded || !caller.Check(text).ok()) {
    return status;
  }
  const Status time_out = Unavailable(text);
  return net::MayHaveArrived(status) ? time_out : net::NeverArrived(time_out);
}

}  // namespace rbdcrypt::kmip
