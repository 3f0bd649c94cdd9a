// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <optional>

#include "base/context.h"
#include "base/status.h"

namespace rbdcrypt {

// What a piece of work leaves to be said or added up, once all before it have had their turn.
using InOrderReport = std::function<Status()>;

// A piece of work. Its report must not be null.
using InOrderTask = std::function<InOrderReport(const Context& context)>;

// The next piece of work, or nothing where there is no more.
using InOrderTasks = std::function<Result<std::optional<InOrderTask>>()>;

// Runs many pieces of work, `threads` of them at once, and their reports one by one in the order in
// which the work was given: so that a list that is made by many threads reads as if one had made
// it, and so that where it ended says what is done.
//
// `next` and the reports run on the calling thread, the work on others. Memory: no more than four
// pieces for each thread are kept, however many there are. The first error of `next` or of a report
// ends it, as does the end of `context`, whose error is returned then: no further work begins, what
// runs sees its context cancelled, and nothing runs any more once this returns. Reports that have
// not had their turn are dropped.
Status RunInOrder(const Context& context, int threads, const InOrderTasks& next);

}  // namespace rbdcrypt
