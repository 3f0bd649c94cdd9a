// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/kms_session.h"

#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/log.h"

namespace rbdcrypt::cmd {

Result<std::unique_ptr<KmsSession>> KmsSession::Open(const KmsOptions& options) {
  RETURN_IF_ERROR(InitLog("error", LogFormat::kText));
  ASSIGN_OR_RETURN(std::unique_ptr<Kubernetes> kubernetes,
                   Kubernetes::Find(k8s::ProcessEnvironment(), SystemClock(), "kms"));
  return std::unique_ptr<KmsSession>(new KmsSession(options, std::move(kubernetes)));
}

KmsSession::KmsSession(const KmsOptions& options, std::unique_ptr<Kubernetes> kubernetes)
    : options_(options),
      kubernetes_(std::move(kubernetes)),
      managers_({.config_file = options.kms_config, .vault_token_file = options.vault_token_file},
                kubernetes_.get(),
                metrics_) {}

Context KmsSession::context() const {
  return Context::Background().WithTimeout(std::chrono::seconds(options_.timeout_seconds));
}

}  // namespace rbdcrypt::cmd
