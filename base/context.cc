// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/context.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace rbdcrypt {

Context::Context(Options options) : options_(std::move(options)) {
  if (options_.clock == nullptr) {
    options_.clock = &SystemClock();
  }
}

Context Context::Background() {
  return Context(Options{});
}

Status Context::Check(std::string_view next) const {
  if (options_.is_cancelled && options_.is_cancelled()) {
    return Cancelled(Cat("the caller gave up before: ", next));
  }
  if (TimeLeft() == std::chrono::nanoseconds::zero()) {
    return DeadlineExceeded(Cat("the call's time ran out before: ", next));
  }
  return OkStatus();
}

std::chrono::nanoseconds Context::TimeLeft() const {
  if (options_.deadline == Clock::TimePoint::max()) {
    return std::chrono::nanoseconds::max();
  }
  return std::max(std::chrono::nanoseconds::zero(),
                  std::chrono::nanoseconds(options_.deadline - options_.clock->Now()));
}

Context Context::WithTimeout(std::chrono::nanoseconds timeout) const {
  Options options = options_;
  if (timeout < TimeLeft()) {
    options.deadline =
        options.clock->Now() + std::chrono::duration_cast<Clock::TimePoint::duration>(timeout);
  }
  return Context(std::move(options));
}

Context Context::AlsoCancelledBy(std::function<bool()> is_cancelled) const {
  Options options = options_;
  options.is_cancelled = [ours = std::move(is_cancelled), theirs = options_.is_cancelled] {
    return ours() || (theirs && theirs());
  };
  return Context(std::move(options));
}

}  // namespace rbdcrypt
