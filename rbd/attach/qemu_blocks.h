// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <string>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "rbd/attach/qemu_record.h"
#include "rbd/attach/qmp_client.h"

namespace rbdcrypt::rbd::attach {

// What a volume's daemon is asked to build, bottom up:
//
//   secrets "ceph-key", "dek" -> node "image" (librbd, LUKS2) -> node "disk" (refuses to discard)
//   -> FUSE export "export"
//
// Every call may give kUnavailable: the daemon or its monitor is gone, or it waited for the cluster
// in vain; kCancelled and kDeadlineExceeded: it is not known whether the daemon did what was asked;
// and kInternal: it refused for a reason that ErrorFromQemu does not know. After any error of the
// first three the daemon is to be taken down, which undoes them.
//
// The node "disk" is there because the FUSE export of QEMU 7.2 answers a punched hole with a plain
// discard: switched off, it reports success and leaves the old bytes, and ext4 takes the range for
// zeroes [measured]. "disk" fails it with ENOSYS instead, whereupon the kernel never asks again and
// writes its zeroes out. It is QEMU's blkdebug filter, which does nothing else here.

// Hands over the Ceph user's key (in its text form) and, unless null, the DEK. kInvalidArgument:
// the key is not base64.
Status GiveSecrets(const Context& context, QmpClient& client, const Secret& key, const Secret* dek);

// Opens the image and the node above it. kUnauthenticated: the DEK opens no keyslot. kDataLoss: no
// usable LUKS header. kNotFound: no such image or pool. kPermissionDenied: Ceph refuses the user.
// kInvalidArgument: no usable monitor address in `record`.
Status OpenImage(const Context& context, QmpClient& client, const QemuRecord& record);

// Puts the content of "disk" behind the file `path`, which must exist; a LUKS header is not part of
// it.
Status ExportDisk(const Context& context,
                  QmpClient& client,
                  const std::string& path,
                  bool read_only);

// The bytes that the export has. kUnavailable: also where OpenImage was not done.
Result<std::uint64_t> DiskSize(const Context& context, QmpClient& client);

// Lets the daemon see the image's present size, and returns that of the export.
//
// qemu learns it only by a resize of its own, which has to name the raw size: given the user's
// size, it would cut the header's 16 MiB off the image (safety D4). The raw size is read from the
// cluster right before and right after; the greater one of it and `required_bytes` (raw, too; 0: no
// such demand) is set. kDataLoss: it is less than what is in use here, and nothing was changed; or
// it fell, which nothing but another program can cause. kPermissionDenied, kNotFound: the image can
// no longer be opened. Repeatable after any error.
Result<std::uint64_t> GrowDisk(const Context& context,
                               QmpClient& client,
                               const QemuRecord& record,
                               std::uint64_t required_bytes);

}  // namespace rbdcrypt::rbd::attach
