// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string_view>

#include "rbd/keyslot_survey.h"

namespace rbdcrypt::rotation {

// What a rotation does next. Each is one durable change, after which store and header are read
// again.
enum class Step {
  kWrongKey,         // nothing: neither stored DEK opens the header
  kRestorePrevious,  // store the previous DEK as the current one: it is what the header answers to
  kStoreNew,         // store the new DEK, whose keyslot was just proven by number
  kDropSecond,       // drop `slot`: the current DEK opens both
  kDropOld,          // drop `slot`: the previous DEK opens it, the current one the other
  kDropUnexplained,  // drop `slot` once nobody's late write can make its key current
  kAddNew,           // make a new DEK and add a keyslot for it
  kFinish,           // record the end
};

struct Move {
  Step step = Step::kWrongKey;
  // Of kDrop…; -1 otherwise.
  int slot = -1;
};

// From what a rotation finds to its next step. `is_done`: the current DEK is the one that this
// rotation, or an earlier one that it takes up, was to bring.
//
//   keyslots of ours       current DEK   next
//   none that it opens     opens nothing kRestorePrevious if the previous DEK opens one
//   K0, new                K0            kStoreNew
//   K0, K0                 K0            kDropSecond: the one that costs more to open
//   K1, K0                 K1            kDropOld
//   K0, X                  K0            kDropUnexplained
//   K0 or none, and free   K0            kAddNew (none: an administrator's slot holds K0)
//   K1, and free           K1, is_done   kFinish
Move NextMove(const rbd::KeyslotSurvey& found, bool is_done);

// "drop-old": for the log.
std::string_view StepName(Step step);

}  // namespace rbdcrypt::rotation
