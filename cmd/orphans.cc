// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/orphans.h"

#include <vector>

#include "base/context.h"
#include "base/json.h"
#include "cmd/secret_file.h"
#include "rbd/cluster_config.h"
#include "rbd/orphans.h"
#include "rbd/rados_connection.h"

namespace rbdcrypt::cmd {
namespace {

void PrintLines(const std::vector<rbd::Orphan>& orphans, std::ostream& out) {
  for (const rbd::Orphan& orphan : orphans) {
    out << orphan.kind << "\t" << orphan.name << "\t" << orphan.reason << "\n";
  }
}

void PrintJson(const std::vector<rbd::Orphan>& orphans, std::ostream& out) {
  Json array = Json::array();
  for (const rbd::Orphan& orphan : orphans) {
    array.push_back({{"kind", orphan.kind}, {"name", orphan.name}, {"reason", orphan.reason}});
  }
  out << array.dump() << "\n";
}

}  // namespace

Result<int> PrintOrphans(const PoolOptions& options, std::ostream& out) {
  const rbd::ClusterConfig clusters(options.cluster_config, "");
  ASSIGN_OR_RETURN(const rbd::ClusterEntry cluster, clusters.Find(options.cluster_id));
  rbd::Credentials credentials{.user = options.user, .key = {}};
  ASSIGN_OR_RETURN(credentials.key, ReadSecretFile(options.key_file));
  ASSIGN_OR_RETURN(const auto connection,
                   rbd::RadosConnection::Connect({cluster.monitors}, credentials, {}));
  ASSIGN_OR_RETURN(const auto pool, connection->OpenPool(options.pool, cluster.rados_namespace));
  ASSIGN_OR_RETURN(
      const std::vector<rbd::Orphan> orphans,
      rbd::FindOrphans(Context::Background(), *connection, *pool, options.instance_id));
  options.json ? PrintJson(orphans, out) : PrintLines(orphans, out);
  return static_cast<int>(orphans.size());
}

}  // namespace rbdcrypt::cmd
