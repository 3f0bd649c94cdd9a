// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>

#include "base/context.h"
#include "base/status.h"
#include "kmip/client.h"
#include "kmip/messages.h"

namespace rbdcrypt::kmip {

// `status` with kInternal for a kDataLoss that is the protocol's: what came is no answer. Where a
// DEK is wrapped or unwrapped, kDataLoss says that the DEK's text is damaged, and nothing else.
Status NotOfTheDek(const Status& status);

// Asks `request` and reads its answer by `read`, one of the Read…() of kmip/operations.h. Errors:
// those of both, as NotOfTheDek() has them.
template <typename T>
Result<T> Exchange(const Context& context,
                   Session& session,
                   const Request& request,
                   const std::function<Result<T>(const Answer&)>& read) {
  const Result<Answer> answer = session.Ask(context, request);
  if (!answer.ok()) {
    return NotOfTheDek(answer.status());
  }
  Result<T> value = read(*answer);
  if (!value.ok()) {
    return NotOfTheDek(value.status());
  }
  return value;
}

}  // namespace rbdcrypt::kmip
