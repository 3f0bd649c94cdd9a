// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "cmd/options.h"
#include "rbd/cluster.h"
#include "rbd/cluster_config.h"

namespace rbdcrypt::cmd {

// A cluster's entry in the configuration, and a connection to it as the user that flags name.
struct CephAccess {
  rbd::ClusterEntry cluster;
  std::unique_ptr<rbd::Connection> connection;
};

// kInvalidArgument: no such clusterID, a malformed configuration, or a key file that holds none.
// kPermissionDenied: the key is wrong. kUnavailable: no monitor answers. As errno of the key file.
Result<CephAccess> ConnectToCeph(const ClusterOptions& options);

}  // namespace rbdcrypt::cmd
