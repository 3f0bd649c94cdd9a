// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include "base/context.h"
#include "base/status.h"
#include "rbd/volume_flow.h"

namespace rbdcrypt::rbd {

// Creates a volume or finishes one that an earlier call began (ceph-csi-compat 2.2, 2.3, 5.3):
//
//   a crash after              left behind                      the next create of the name
//   create.directory-key       a key                            goes on under the same UUID
//   create.journal-object      a reservation                    makes the image
//   create.image               and an image                     takes it, if its size fits
//   create.labels              and its labels                   nothing of them
//   create.image-id            and its id                       formats it, if encrypted
//   (rbd/encrypted_volume.h)   …                                …
//
// The key manager is opened before anything is made, so that a wrong configuration leaves nothing.
// A final error (one that the caller will not repeat) takes back what this very call made and
// nothing else (safety B4); after a transient one everything stays for the next call.
Result<CreatedVolume> CreateVolume(const Context& context,
                                   const Caller& caller,
                                   const VolumeFlowParts& parts,
                                   const CreateVolumeSpec& spec);

}  // namespace rbdcrypt::rbd
