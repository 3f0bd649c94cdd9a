// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <map>
#include <string>
#include <string_view>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"
#include "vault/kube.h"

namespace rbdcrypt::vault {

// Warnings for people: a line in the log and an Event where there is Kubernetes, the same one not
// more often than once an hour, though it is found again with every call. Thread safe.
class Warnings {
 public:
  // `kube` may be null: only the log then.
  explicit Warnings(Kube* kube) : kube_(kube) {}

  // `ns`: where the Event belongs; "" for none.
  void Raise(const Clock& clock,
             const std::string& ns,
             std::string_view reason,
             std::string_view text);

 private:
  Kube* const kube_;
  absl::Mutex mutex_;
  // "ns reason text" -> when it was raised.
  std::map<std::string, Clock::TimePoint> raised_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::vault
