// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>
#include <string>

#include "base/context.h"
#include "base/status.h"
#include "vault/config.h"
#include "vault/family.h"
#include "vault/vault_dek_store.h"

namespace rbdcrypt::vault {

// Who opens a store, and for whom.
struct OpeningRequest {
  EntryOptions entry;
  // Namespace of the PVC; "" only with provider "vault".
  std::string tenant;
  // Name of the PVC, for custom metadata; "" where unknown.
  std::string pvc = {};
  // PEM from the request's secrets, where provider "vault" names one; else "". An error is that of
  // the first use.
  Result<std::string> request_ca = std::string();
  kms::Urgency urgency = kms::Urgency::kMount;
};

// Goes from an entry to a store that works, in this order: the tenant's ConfigMap, the options, the
// certificates, the connection, the identity, the mount. Asks Kubernetes and, for a mount whose
// version is not configured, Vault. `family` must outlive the result.
//
// kPermissionDenied: the tenant's token or service account is gone, or Vault or Kubernetes says no.
// kInvalidArgument: an option is wrong, or what it names is not there; names it. kUnavailable,
// kCancelled, kDeadlineExceeded.
Result<std::unique_ptr<OpenStore>> OpenDekStore(const Context& context,
                                                VaultFamily& family,
                                                const OpeningRequest& request);

}  // namespace rbdcrypt::vault
