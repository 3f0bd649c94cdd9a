// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>

#include "base/context.h"

namespace rbdcrypt {

// Waits that long on the context's clock. False, and then at once or within 100 ms of it, where the
// context ends first: a wait that would outlast the deadline is not begun.
bool WaitFor(const Context& context, std::chrono::nanoseconds wait);

// Uniform in [least, most], to spread callers apart; nothing secret may hang on it.
std::chrono::nanoseconds RandomBetween(std::chrono::nanoseconds least,
                                       std::chrono::nanoseconds most);

}  // namespace rbdcrypt
