// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <string_view>

namespace rbdcrypt::rbd::attach {

// Each durable effect of attaching and detaching, in the order a volume meets them: a process that
// dies right after one must find its way at the next Attach, Find or Detach. First the kernel's
// mapper, then qemu-storage-daemon.
inline constexpr std::array<std::string_view, 17> kCrashPoints = {
    "attach.krbd-mapped",         // the image is a block device, the LUKS mapping is not there
    "attach.dm-crypt-opened",     // usable, but nobody was told yet
    "detach.dm-crypt-closed",     // the RBD device is still there
    "detach.krbd-unmapped",       // gone
    "attach.qemu-recorded",       // the volume's folder says what is about to be started
    "attach.qemu-started",        // a daemon that knows nothing
    "attach.qemu-secrets",        // it has the key of Ceph and the DEK
    "attach.qemu-opened",         // it holds the image open
    "attach.qemu-exported",       // the FUSE file is there
    "attach.qemu-loop",           // the loop device is there, its name is not recorded
    "attach.qemu-complete",       // usable, but nobody was told yet
    "grow.qemu-resized",          // qemu sees the new size, the loop device does not
    "grow.qemu-loop",             // both do
    "detach.qemu-flushed",        // everything is written, all of it still runs
    "detach.qemu-loop-released",  // the daemon still holds the image
    "detach.qemu-stopped",        // only the folder is left
    "detach.qemu-forgotten",      // gone
};

}  // namespace rbdcrypt::rbd::attach
