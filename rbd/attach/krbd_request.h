// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "rbd/attach/attacher.h"

namespace rbdcrypt::rbd::attach {

// "client.<user>": what the key of a Ceph user is called in the kernel's keyring.
std::string KernelKeyName(std::string_view user);

// The text that /sys/bus/rbd/add takes for `request`:
//
//   10.0.0.1:6789 name=csi,key=client.csi,ro,_pool_ns=tenants rbd csi-vol-… -
//
// The key is meant to be in the kernel's keyring under KernelKeyName(). Map options pass as they
// are, but for noudev and udev, which are the rbd program's (here nothing waits for udev).
// kInvalidArgument: no monitor for the protocol that the option ms_mode asks for; an option that
// carries a secret or another identity; a name with white space in it, which would shift the
// fields.
Result<std::string> BuildMapRequest(const AttachRequest& request);

}  // namespace rbdcrypt::rbd::attach
