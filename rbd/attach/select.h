// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "base/subprocess.h"

namespace rbdcrypt::rbd::attach {

// The mappers there are, by the name in configuration and staging record: "krbd" (Krbd) and "qemu"
// (QemuStorage). "rbd-nbd" is ceph-csi's third, of which there is none here: a StorageClass that
// asks for it gets a mapper of user space, that is "qemu" (csi/attachers).

// Where the kernel's and the machine's files are; replaced by tests.
struct NodeFolders {
  std::string sysfs_root = "/sys";
  std::string dev_root = "/dev";
};

// Which mappers this node uses, "krbd" or "qemu", the preferred one first; never empty.
//
// `configured` is "krbd" or "qemu" for that one alone, or "auto" for all that the node can run: the
// kernel first, where the modules rbd and dm-crypt are there or can be loaded, then
// qemu-storage-daemon. kFailedPrecondition: the node cannot run what is configured, or nothing at
// all; the text says what is missing. kInvalidArgument: another word.
Result<std::vector<std::string>> SelectMappers(const Context& context,
                                               Subprocess& subprocess,
                                               std::string_view configured,
                                               const NodeFolders& folders = {});

}  // namespace rbdcrypt::rbd::attach
