// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include "kms/registry.h"

namespace rbdcrypt::kms {

// Provider "default": the Secret's encryptionPassphrase *is* the LUKS passphrase of every volume
// (ceph-csi-compat 5.2, 6.2).
//
// Its store holds nothing and says so:
//
//   Fetch           the passphrase; kNotFound where the Secret lacks it
//   Create          ok if `dek` is that passphrase; else kAlreadyExists, nothing changed: a copy of
//                   a volume with another passphrase could never be opened (W5 there)
//   Replace         kFailedPrecondition: a shared passphrase cannot rotate (safety B6)
//   FetchPrevious   kNotFound, always
//   Remove…         ok, nothing to remove; works without the Secret
//
// So a new volume is formatted with what Fetch answers, never with a NewDek().
ProviderFactory DefaultSecretProvider();

}  // namespace rbdcrypt::kms
