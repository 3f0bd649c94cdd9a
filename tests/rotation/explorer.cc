// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/rotation/explorer.h"

#include "base/status.h"

namespace rbdcrypt::testing {

int Choices::Choose(int options) {
  if (options <= 1) {
    return 0;
  }
  if (at_ == decisions_.size()) {
    decisions_.push_back({.chosen = 0, .options = options});
  }
  // Otherwise the model depends on something that it does not choose.
  RBDCRYPT_CHECK(decisions_[at_].options == options);
  return decisions_[at_++].chosen;
}

bool Choices::IsNew(std::uint64_t state) {
  return seen_.insert(state).second;
}

bool Choices::Next() {
  // What was not reached in the last run was cut off by a state that is known.
  decisions_.resize(at_);
  while (!decisions_.empty() && decisions_.back().chosen + 1 == decisions_.back().options) {
    decisions_.pop_back();
  }
  if (decisions_.empty()) {
    return false;
  }
  ++decisions_.back().chosen;
  repeated_ = decisions_.size();
  at_ = 0;
  return true;
}

Exploration Explore(const std::function<std::string(Choices& choices)>& run) {
  std::unordered_set<std::uint64_t> seen;
  Choices choices(seen);
  Exploration result;
  do {
    ++result.runs;
    result.violation = run(choices);
  } while (result.violation.empty() && choices.Next());
  result.states = seen.size();
  return result;
}

}  // namespace rbdcrypt::testing
