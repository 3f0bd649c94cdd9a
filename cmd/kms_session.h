// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>

#include "base/context.h"
#include "base/metrics.h"
#include "base/status.h"
#include "cmd/key_managers.h"
#include "cmd/kubernetes.h"
#include "cmd/options.h"
#include "kms/registry.h"

namespace rbdcrypt::cmd {

// The key managers of one command that a person gave, for as long as it runs: the same as those of
// a driver, errors alone in the log.
class KmsSession {
 public:
  // kInvalidArgument, kUnavailable: the way to Kubernetes is configured wrongly.
  static Result<std::unique_ptr<KmsSession>> Open(const KmsOptions& options);

  // Gives login tokens back.
  ~KmsSession() { managers_.Close(); }

  KmsSession(const KmsSession&) = delete;
  KmsSession& operator=(const KmsSession&) = delete;

  kms::Registry& registry() { return managers_.registry(); }

  // For many requests: a key manager's limited seats go to others first.
  kms::Registry& background_registry() { return managers_.background_registry(); }

  // With the command's deadline, from now.
  Context context() const;

 private:
  KmsSession(const KmsOptions& options, std::unique_ptr<Kubernetes> kubernetes);

  const KmsOptions& options_;
  Metrics metrics_;
  const std::unique_ptr<Kubernetes> kubernetes_;
  KeyManagers managers_;
};

}  // namespace rbdcrypt::cmd
