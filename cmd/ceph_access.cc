// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/ceph_access.h"

#include "cmd/secret_file.h"
#include "rbd/rados_connection.h"

namespace rbdcrypt::cmd {

Result<CephAccess> ConnectToCeph(const ClusterOptions& options) {
  CephAccess access;
  const rbd::ClusterConfig clusters(options.cluster_config, "");
  ASSIGN_OR_RETURN(access.cluster, clusters.Find(options.cluster_id));
  rbd::Credentials credentials{.user = options.user, .key = {}};
  ASSIGN_OR_RETURN(credentials.key, ReadSecretFile(options.key_file));
  ASSIGN_OR_RETURN(access.connection,
                   rbd::RadosConnection::Connect({access.cluster.monitors}, credentials, {}));
  return access;
}

}  // namespace rbdcrypt::cmd
