// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>

#include "k8s/client.h"
#include "kms/registry.h"
#include "kms/scrypt.h"

namespace rbdcrypt::kms {

// Provider "metadata": a random DEK per volume, wrapped with a passphrase and kept in the image's
// metadata (ceph-csi-compat 6.3); text and key derivation are ceph-csi's, bit for bit.
//
//   option            meaning
//   secretName        Kubernetes Secret with the passphrase; absent: the request's Secret, key
//                     encryptionPassphrase
//   secretNamespace   its namespace; absent: the PVC's
//
// The passphrase is looked at when a DEK is wrapped or unwrapped, not before: volumes can be
// deleted without it. An entry with secretName takes it from there and from nowhere else, whatever
// the request's Secret or another namespace holds (safety E4): kUnimplemented without Kubernetes,
// kInvalidArgument where neither entry nor volume say the namespace; both before anything is
// created. Deleting such a volume needs no provider, its wrapped DEK goes with the image. A wrong
// passphrase is kDataLoss like damage: the format cannot tell them apart, the text says so.
//
// `gate` bounds scrypt's memory and is one for the process. `kubernetes` may be null and must
// outlive the providers.
ProviderFactory MetadataProvider(std::shared_ptr<ScryptGate> gate, k8s::Client* kubernetes);

}  // namespace rbdcrypt::kms
