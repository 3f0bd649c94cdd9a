// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "k8s/objects.h"

namespace rbdcrypt::rotation {

// Where annotations of schedules count. The two modes differ in more than that:
// rotation/schedule.h.
enum class SchedulePrecedence {
  // The PVC's first, then its Namespace's, then its StorageClass's.
  kPvc,
  // Only the StorageClass's.
  kStorageClass,
};

// Over so long runs are spread (csi-and-addons 4.5).
inline constexpr std::chrono::hours kDefaultStaggerWindow(2);

// The longest window: a year. Longer ones are cut.
inline constexpr std::chrono::hours kLongestStaggerWindow(366 * 24);

// What the ConfigMap csi-addons-config says about rotation.
struct AddonsConfig {
  SchedulePrecedence precedence = SchedulePrecedence::kPvc;
  // Zero: runs start on their tick.
  std::chrono::hours stagger_window = kDefaultStaggerWindow;
  // For the log: a value that is not understood, and what is taken instead.
  std::vector<std::string> warnings = {};
};

// Reads the ConfigMap's data; an empty map gives the defaults. Keys that do not concern rotation,
// and unknown ones, are nobody's error here. What is not understood keeps its default and gives a
// warning, where csi-addons' controller would end: ours may run beside other workloads.
AddonsConfig ReadAddonsConfig(const k8s::StringMap& data);

}  // namespace rbdcrypt::rotation
