// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "rbd/keyslots.h"
#include "rbd/stored_deks.h"

namespace rbdcrypt::rbd {

// What a keyslot of ours is there for.
enum class KeyslotHolds {
  kNothing,      // it is free
  kCurrent,      // the current DEK opens it
  kNew,          // the DEK that is about to become current does
  kPrevious,     // the previous DEK does
  kUnexplained,  // none of them does
};

// A keyslot of ours; `info` is set unless it is free.
struct OurKeyslot {
  KeyslotHolds holds = KeyslotHolds::kNothing;
  KeyslotInfo info;
};

// Which keyslots of a header answer to which DEK.
struct KeyslotSurvey {
  std::array<OurKeyslot, luks::kOurKeyslots> ours;
  // Used ones that are an administrator's.
  std::vector<int> others;
  // Where the current DEK opens none of ours: one of the others that it opens, and one of any kind
  // that the previous DEK opens.
  std::optional<int> other_with_current;
  std::optional<int> any_with_previous;

  bool current_opens() const { return Find(KeyslotHolds::kCurrent) || other_with_current; }

  // The first of ours of that kind.
  std::optional<int> Find(KeyslotHolds holds) const;
  int Count(KeyslotHolds holds) const;

  const OurKeyslot& slot(int number) const { return ours.at(static_cast<std::size_t>(number)); }
};

// Tests the header that `keyslots` loaded, slot by slot. `fresh` is the DEK that is about to become
// current, or null. Errors of Keyslots::Opens and StoredDeks::Previous; kResourceExhausted among
// them: a slot takes more memory than there ever is.
Result<KeyslotSurvey> SurveyKeyslots(const Context& context,
                                     Keyslots& keyslots,
                                     StoredDeks& deks,
                                     const Secret* fresh = nullptr);

}  // namespace rbdcrypt::rbd
