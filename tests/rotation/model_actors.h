// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include "tests/rotation/model_world.h"

// What the programs of the model do.
namespace rbdcrypt::testing {

inline constexpr char kModelVolume[] =
    "0001-0009-rook-ceph-0000000000000001-b0285c97-a0ce-11eb-8c66-0242ac110002";
inline constexpr char kModelImage[] = "csi-vol-b0285c97-a0ce-11eb-8c66-0242ac110002";

// Rotates the volume, as often as the model lets it try.
void RunRotator(ModelActor& actor);

// Opens the header as a stage does (rbd/encrypted_volume.h): current DEK, both read again, previous
// DEK.
void RunStager(ModelActor& actor);

}  // namespace rbdcrypt::testing
