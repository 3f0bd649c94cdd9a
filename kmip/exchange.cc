// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/exchange.h"

#include "kmip/reasons.h"

namespace rbdcrypt::kmip {

Status NotOfTheDek(const Status& status) {
  const bool is_protocol = status.code() == Code::kDataLoss && !ReasonOf(status).has_value();
  return is_protocol ? Internal(Message(status)) : status;
}

}  // namespace rbdcrypt::kmip
