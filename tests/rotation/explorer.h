// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_set>
#include <vector>

namespace rbdcrypt::testing {

// What one run of a model chose, and could have chosen, at each of its decisions.
//
// A run is repeated from its beginning with the same choices up to some decision and another one
// there: so it must depend on nothing else.
class Choices {
 public:
  explicit Choices(std::unordered_set<std::uint64_t>& seen_states) : seen_(seen_states) {}

  // One of 0 to `options` - 1.
  int Choose(int options);

  // Whether what is chosen next was chosen by an earlier run, too: up to here all was looked at.
  bool IsRepeating() const { return at_ < repeated_; }

  // Whether no run was in this state before: one that was need not be continued. A state is all
  // that what follows depends on. Not to be asked while IsRepeating().
  bool IsNew(std::uint64_t state);

  // Makes the next run's first choices; false: all were made.
  bool Next();

  void Rewind() { at_ = 0; }

 private:
  struct Decision {
    int chosen = 0;
    int options = 1;
  };

  std::unordered_set<std::uint64_t>& seen_;
  std::vector<Decision> decisions_;
  std::size_t at_ = 0;
  // Decisions before this are repeated.
  std::size_t repeated_ = 0;
};

struct Exploration {
  std::size_t runs = 0;
  std::size_t states = 0;
  // Of the first run that broke a rule: what it did and which; "" if none did.
  std::string violation;
};

// Runs `run` with every sequence of choices there is, but for those after a state that was seen
// before; ends at the first violation, which `run` returns as a text ("" is none).
Exploration Explore(const std::function<std::string(Choices& choices)>& run);

}  // namespace rbdcrypt::testing
