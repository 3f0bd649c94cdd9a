// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <map>
#include <set>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "cmd/kubernetes.h"
#include "k8s/wait.h"
#include "kms/check.h"
#include "kms/config.h"
#include "kms/registry.h"

namespace rbdcrypt::cmd {

// "The configuration may have changed", from any thread to one that waits.
class ChangeSignal {
 public:
  void Raise();

  // True once it was raised since the last call; false after about a second without.
  bool Wait();

 private:
  absl::Mutex mutex_;
  bool is_raised_ ABSL_GUARDED_BY(mutex_) = false;
};

// Runs the preflight of every entry when the program starts, of each entry that changed, and once a
// minute of one that failed; says what comes of it: the metric rbdcrypt_kms_check_ok and, where
// that is something new, a log line and, of one that fails, a warning Event on the ConfigMap.
// Nothing waits for it: a key manager that is down is no reason not to start.
class KmsWatch {
 public:
  // `registry` should be one for background work. `kubernetes` may be null: no Events then. All
  // must outlive it.
  KmsWatch(kms::ConfigSource& config,
           kms::Registry& registry,
           ChangeSignal& changes,
           Metrics& metrics,
           Kubernetes* kubernetes);

  ~KmsWatch() { Stop(); }

  KmsWatch(const KmsWatch&) = delete;
  KmsWatch& operator=(const KmsWatch&) = delete;

  // Returns when a check that is under way has ended.
  void Stop();

 private:
  void Run(const Context& context);
  void CheckChanged(const Context& context);

  // One entry as it was checked last.
  struct Checked {
    std::string text;
    // "" where all went well.
    std::string error;
  };

  // Returns its error, if any.
  Status CheckOne(const Context& context, const std::string& kms_id, const Checked* before);
  // What is compared to see a change: the entry's text, or its error.
  std::string TextOf(const Context& context, const std::string& kms_id);
  void Report(const kms::CheckReport& report, const Checked* before);
  void ForgetOthers(const std::set<std::string>& ids);

  kms::ConfigSource& config_;
  kms::Registry& registry_;
  ChangeSignal& changes_;
  Metrics& metrics_;
  Kubernetes* const kubernetes_;
  // By KMS ID. Of the worker's thread.
  std::map<std::string, Checked> checked_;
  k8s::Worker worker_;
};

}  // namespace rbdcrypt::cmd
