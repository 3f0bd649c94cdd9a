// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/keyslot_survey.h"

#include <algorithm>

namespace rbdcrypt::rbd {
namespace {

// One survey's questions.
class Surveyor {
 public:
  Surveyor(const Context& context, Keyslots& keyslots, StoredDeks& deks, const Secret* fresh)
      : context_(context), keyslots_(keyslots), deks_(deks), fresh_(fresh) {}

  Result<KeyslotSurvey> Run();

 private:
  Result<KeyslotHolds> WhatHolds(int number);
  Result<std::optional<int>> FirstThatOpens(const Secret& dek, const std::vector<int>& numbers);
  Status LookElsewhere();

  const Context& context_;
  Keyslots& keyslots_;
  StoredDeks& deks_;
  const Secret* const fresh_;
  KeyslotSurvey survey_;
};

Result<KeyslotSurvey> Surveyor::Run() {
  for (const KeyslotInfo& info : keyslots_.Slots()) {
    if (!info.is_ours()) {
      survey_.others.push_back(info.number);
      continue;
    }
    OurKeyslot& slot = survey_.ours.at(static_cast<std::size_t>(info.number));
    slot.info = info;
    ASSIGN_OR_RETURN(slot.holds, WhatHolds(info.number));
  }
  if (!survey_.Find(KeyslotHolds::kCurrent)) {
    RETURN_IF_ERROR(LookElsewhere());
  }
  return survey_;
}

Result<KeyslotHolds> Surveyor::WhatHolds(int number) {
  ASSIGN_OR_RETURN(const bool is_current, keyslots_.Opens(context_, deks_.current(), number));
  if (is_current) {
    return KeyslotHolds::kCurrent;
  }
  if (fresh_ != nullptr) {
    ASSIGN_OR_RETURN(const bool is_new, keyslots_.Opens(context_, *fresh_, number));
    if (is_new) {
      return KeyslotHolds::kNew;
    }
  }
  ASSIGN_OR_RETURN(const Secret* const previous, deks_.Previous(context_));
  if (previous == nullptr) {
    return KeyslotHolds::kUnexplained;
  }
  ASSIGN_OR_RETURN(const bool is_previous, keyslots_.Opens(context_, *previous, number));
  return is_previous ? KeyslotHolds::kPrevious : KeyslotHolds::kUnexplained;
}

Result<std::optional<int>> Surveyor::FirstThatOpens(const Secret& dek,
                                                    const std::vector<int>& numbers) {
  for (const int number : numbers) {
    ASSIGN_OR_RETURN(const bool opens, keyslots_.Opens(context_, dek, number));
    if (opens) {
      return std::optional<int>(number);
    }
  }
  return std::optional<int>();
}

Status Surveyor::LookElsewhere() {
  ASSIGN_OR_RETURN(survey_.other_with_current, FirstThatOpens(deks_.current(), survey_.others));
  if (survey_.other_with_current) {
    return OkStatus();
  }
  survey_.any_with_previous = survey_.Find(KeyslotHolds::kPrevious);
  ASSIGN_OR_RETURN(const Secret* const previous, deks_.Previous(context_));
  if (!survey_.any_with_previous && previous != nullptr) {
    ASSIGN_OR_RETURN(survey_.any_with_previous, FirstThatOpens(*previous, survey_.others));
  }
  return OkStatus();
}

}  // namespace

std::optional<int> KeyslotSurvey::Find(KeyslotHolds holds) const {
  const auto found = std::ranges::find(ours, holds, &OurKeyslot::holds);
  return found == ours.end() ? std::nullopt
                             : std::optional<int>(static_cast<int>(found - ours.begin()));
}

int KeyslotSurvey::Count(KeyslotHolds holds) const {
  return static_cast<int>(std::ranges::count(ours, holds, &OurKeyslot::holds));
}

Result<KeyslotSurvey> SurveyKeyslots(const Context& context,
                                     Keyslots& keyslots,
                                     StoredDeks& deks,
                                     const Secret* fresh) {
  return Surveyor(context, keyslots, deks, fresh).Run();
}

}  // namespace rbdcrypt::rbd
