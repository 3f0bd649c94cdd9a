// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/try_time.h"

#include <algorithm>
#include <chrono>

namespace rbdcrypt::kms {
namespace {

constexpr std::chrono::nanoseconds kLeast = std::chrono::seconds(1);

}  // namespace

Context WithTimeForOthers(const Context& context) {
  return context.WithTimeout(std::max(context.TimeLeft() / 2, kLeast));
}

}  // namespace rbdcrypt::kms
