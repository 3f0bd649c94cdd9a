// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "base/context.h"
#include "base/status.h"
#include "rbd/cluster.h"
#include "rbd/encrypted_images.h"
#include "rbd/volume_proof.h"

namespace rbdcrypt::rbd {

struct PoolProofOptions {
  EncryptedImagesOptions images;
  // Only what the journal names this key manager for; "": every one.
  std::string kms_id = {};
  // Only what belongs to PVCs of this namespace; "": of all.
  std::string tenant = {};
  // For each volume.
  std::chrono::nanoseconds timeout = std::chrono::minutes(1);
};

// What came of the volumes and snapshots of one pool: how many of each outcome.
struct PoolProof {
  int proven = 0;
  int previous_dek = 0;
  int unfinished = 0;
  // Why each was left out -> how many.
  std::map<std::string, int> left_out = {};
  int failed = 0;
  // Images with a wrapped DEK that no journal names, deleted ones that wait in the trash for their
  // clones for instance: nobody knows whose key manager wrapped it.
  int unknown = 0;
  // Why the rest was not looked at; OK: all was.
  Status status = OkStatus();
};

// Told of each that is not simply proven or left out, in the order of the walk.
using OnProof = std::function<void(const EncryptedImage& found, const VolumeProof& proof)>;

// Proves the volumes and snapshots of one pool and namespace, trash included. A key manager that
// does not answer ends it at once, with that error as `status`: it would not for the others either.
// Where tenants have key managers of their own, one that is down hides the others so; with
// `options.tenant` they can be proven one by one. Nothing is written.
PoolProof ProvePool(const Context& context,
                    Pool& pool,
                    const VolumeProver& prover,
                    const PoolProofOptions& options,
                    const OnProof& on_proof);

}  // namespace rbdcrypt::rbd
