// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string_view>

#include "base/status.h"
#include "rbd/rados_client.h"

namespace rbdcrypt::rbd {

// Has the manager remove a trashed image in the background: its task "trash remove", as ceph-csi
// queues it (ceph-csi-compat 2.4). `spec`: "pool/id" or "pool/namespace/id". Adding it twice is one
// task. Ok once it is queued; any error means that the caller has to do it.
//
// Goes over a connection of its own that ends with the call: librados 16.2 lets an answer that
// comes after its time-out write to a frame that is gone, and a closed connection gets none.
Status AddTrashRemoveTask(RadosClient& client, std::string_view spec);

}  // namespace rbdcrypt::rbd
