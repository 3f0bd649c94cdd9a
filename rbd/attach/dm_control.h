// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace rbdcrypt::rbd::attach {

// Removes the device-mapper device of that name if it has no live table, which is what a program
// leaves that was killed while it made one. Such a device cannot be read, mounted or opened by
// libcryptsetup, yet its name is taken; until a table is loaded the kernel makes no disk for it
// either, so sysfs does not show it (Linux 5.16, "dm: delay registering the gendisk").
//
// Ok where there is none, where it has a live table, which is left alone, and where the kernel has
// no device mapper. kFailedPrecondition: something has it open. kUnavailable: the kernel cannot be
// asked through `control_path` (dm-ioctl.h, version 4), which is no absence (safety A4).
Status RemoveUnfinishedDmDevice(std::string_view name,
                                const std::string& control_path = "/dev/mapper/control");

}  // namespace rbdcrypt::rbd::attach
