// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <ostream>
#include <string>

#include "base/json.h"
#include "base/status.h"
#include "cmd/options.h"
#include "kms/registry.h"
#include "rbd/cluster.h"
#include "rbd/pool_proof.h"

namespace rbdcrypt::cmd {

// Where volumes were looked for, and what came of them.
struct VolumeCheck {
  std::string cluster_id = {};
  std::string pool = {};
  std::string rados_namespace = {};
  // Whether headers were opened, too.
  bool opened = false;
  rbd::PoolProof proof = {};

  // Whether all can be used that were asked for; those left out and unfinished are none of them.
  bool ok() const { return proof.status.ok() && proof.failed == 0; }
};

// Proves the volumes of `pool` that have this key manager (rbd/pool_proof.h), as `options` say.
VolumeCheck CheckVolumes(const KmsCheckOptions& options,
                         rbd::Pool& pool,
                         kms::Registry& registry,
                         const rbd::OnProof& on_proof);

// For a person: each volume that is not simply proven, as soon as it is known; the sums at the end.
void PrintProof(const rbd::EncryptedImage& found, const rbd::VolumeProof& proof, std::ostream& out);
void PrintVolumeCheck(const VolumeCheck& check, std::ostream& out);

// For a program, as docs/administration.md has it: one row, and the whole with its rows.
Json ProofJson(const rbd::EncryptedImage& found, const rbd::VolumeProof& proof);
Json VolumeCheckJson(const VolumeCheck& check, Json rows);

}  // namespace rbdcrypt::cmd
