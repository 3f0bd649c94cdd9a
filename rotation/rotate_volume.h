// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string_view>

#include "base/context.h"
#include "base/status.h"
#include "rbd/volume_flow.h"
#include "rbd/volume_location.h"
#include "rotation/dek_rotation.h"

namespace rbdcrypt::rotation {

// Finds the volume by its ID, takes its lock (ceph-csi's own, ceph-csi-compat 5.11) over a
// connection that nobody else uses, and replaces its DEK as Rotate() does: attached anywhere or
// nowhere, by krbd, rbd-nbd or qemu; no node is needed.
//
// Key manager and tenant are those of the journal. The image is open, and watched, all the while:
// a stage that begins meanwhile waits for it. Thread safe for different volumes.
//   kFailedPrecondition  no KMS stands in its journal, or its encryptionType is file
//   kAborted             another operation on it is in flight, or its client keeps RBD's exclusive
//                        lock (map option exclusive): it was asked for, and is not broken
// Others as VolumeLocator::Locate, kms::Registry::Open, VolumeLock::Acquire and Rotate.
Result<RotationReport> RotateVolume(const Context& context,
                                    const rbd::Caller& caller,
                                    const rbd::VolumeFlowParts& parts,
                                    std::string_view volume_id,
                                    const RotationOptions& options);

}  // namespace rbdcrypt::rotation
