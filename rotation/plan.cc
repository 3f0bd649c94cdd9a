// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/plan.h"

#include <optional>

namespace rbdcrypt::rotation {
namespace {

using rbd::KeyslotHolds;

// The cheaper one stays: one that ceph-csi's rotation added may take 1 GiB to open (ceph-csi-compat
// 5.11).
int DearerSlot(const rbd::KeyslotSurvey& found) {
  const bool first_is_dearer =
      found.slot(0).info.kdf_memory_bytes > found.slot(1).info.kdf_memory_bytes;
  return first_is_dearer ? 0 : 1;
}

}  // namespace

Move NextMove(const rbd::KeyslotSurvey& found, bool is_done) {
  if (!found.current_opens()) {
    return {found.any_with_previous ? Step::kRestorePrevious : Step::kWrongKey};
  }
  if (found.Find(KeyslotHolds::kNew)) {
    return {Step::kStoreNew};
  }
  if (found.Count(KeyslotHolds::kCurrent) == rbd::luks::kOurKeyslots) {
    return {Step::kDropSecond, DearerSlot(found)};
  }
  if (const std::optional<int> old = found.Find(KeyslotHolds::kPrevious)) {
    return {Step::kDropOld, *old};
  }
  if (const std::optional<int> unexplained = found.Find(KeyslotHolds::kUnexplained)) {
    return {Step::kDropUnexplained, *unexplained};
  }
  return {is_done ? Step::kFinish : Step::kAddNew};
}

std::string_view StepName(Step step) {
  switch (step) {
    case Step::kWrongKey:
      return "wrong-key";
    case Step::kRestorePrevious:
      return "restore-previous";
    case Step::kStoreNew:
      return "store-new";
    case Step::kDropSecond:
      return "drop-second";
    case Step::kDropOld:
      return "drop-old";
    case Step::kDropUnexplained:
      return "drop-unexplained";
    case Step::kAddNew:
      return "add-new";
    case Step::kFinish:
      return "finish";
  }
  return "unknown";
}

}  // namespace rbdcrypt::rotation
