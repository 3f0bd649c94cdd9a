// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include <rbd/librbd.h>

#include "base/status.h"
#include "rbd/rados_client.h"

namespace rbdcrypt::rbd {

// RBD's own lock of images with the feature exclusive-lock, which librbd takes before it writes.
// From a live owner it asks for it; of an owner without a watcher it breaks it and blocklists the
// owner, and with a node all of its volumes. librbd 16.2 has no option against that, so these two
// stand before the calls that would (safety G5).

// Before a write to `image`, open for writing. Ok: nobody owns the lock, or this client does, or
// one whom this client fenced, or an owner that answered a notification just now and so can be
// asked. kAborted: its owner has no watcher, or does not answer; the text says who that is.
//
// An owner that dies after its answer and before it gives up the lock is not seen: librbd waits for
// it until its watch ends, 30 s, and then breaks the lock.
Status CheckLockOwner(const RadosPool& pool, rbd_image_t image, std::string_view spec);

// Before moving `image` to the trash, which would break the lock: takes it from an owner without a
// watcher and leaves that client its other volumes. What it may still write is nobody's data. A
// lock that a person took (`rbd lock add`) stays, and keeps the image.
Status DropDeadLockOwner(const RadosPool& pool, rbd_image_t image, std::string_view spec);

}  // namespace rbdcrypt::rbd
