// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>

#include "kms/limiter.h"
#include "kms/registry.h"
#include "vault/config.h"
#include "vault/family.h"

namespace rbdcrypt::vault {

// The row of one provider of the family for the table of providers:
//
//   auto vault = std::make_shared<VaultFamily>(…);
//   providers["vault"] = MakeProvider(vault, Flavour::kDriver);
//
// It keeps DEKs itself, in plain, under the volume's ID (ceph-csi-compat 6.4 to 6.7). Opening reads
// and checks the entry and asks nobody; the rest happens with the first use of a DEK.
//
//   provider        identity
//   vault           this driver's service account; vaultCAFromSecret is a key of the request's
//                   secrets
//   vaulttokens     the token of the tenant's Secret
//   vaulttenantsa   the tenant's service account
//
// A tenant whose namespace, Secret or ServiceAccount is gone: kPermissionDenied, and never another
// identity instead, so deleting its volumes goes on and reports the DEK (safety B3, E4).
// Background work gets providers of its own with kms::Urgency::kBackground: mounts go first.
kms::Provider MakeProvider(std::shared_ptr<VaultFamily> family,
                           Flavour flavour,
                           kms::Urgency urgency = kms::Urgency::kMount);

}  // namespace rbdcrypt::vault
