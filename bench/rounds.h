// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <functional>
#include <istream>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace rbdcrypt::bench {

// What the two programs that fetch DEKs have in common: many callers at a time, in rounds.
struct Plan {
  std::size_t callers = 0;
  // Fetches in each round; all callers end one before the next begins. The first warms up.
  std::vector<std::size_t> rounds;
  // Whose DEKs, over and over: volume IDs, or paths in Vault.
  std::vector<std::string> targets;
  // What else the plan says.
  Json options;
};

// Reads {"callers": 16, "rounds": [1000, 100000], "targets": […], …}. kInvalidArgument.
Result<Plan> ReadPlan(std::istream& in);

// One fetch by one of the callers, of which each has a thread of its own.
using Fetch = std::function<Status(std::size_t caller, const std::string& target)>;

// Carries the plan out; the first error ends it. For each round
//
//   {"seconds": 1.2, "rssKib": 21000, "each": [0.008, …]}
//
// with the resident memory of this process at its end and the seconds of each fetch. "each" is left
// out, and takes no memory, where the option "each" is false.
Result<Json> RunRounds(const Plan& plan, const Fetch& fetch);

// Prints what RunRounds() gave, or the error with the program's name before it; the exit status.
int Print(const std::string& program, const Result<Json>& outcome);

}  // namespace rbdcrypt::bench
