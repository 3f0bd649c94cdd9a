// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/orphans.h"

#include <vector>

#include "base/context.h"
#include "base/json.h"
#include "cmd/ceph_access.h"
#include "rbd/orphans.h"

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

Result<int> PrintOrphans(const OrphansOptions& options, std::ostream& out) {
  ASSIGN_OR_RETURN(const CephAccess ceph, ConnectToCeph(options.cluster));
  ASSIGN_OR_RETURN(const auto pool,
                   ceph.connection->OpenPool(options.pool, ceph.cluster.rados_namespace));
  ASSIGN_OR_RETURN(
      const std::vector<rbd::Orphan> orphans,
      rbd::FindOrphans(Context::Background(), *ceph.connection, *pool, options.instance_id));
  options.json ? PrintJson(orphans, out) : PrintLines(orphans, out);
  return static_cast<int>(orphans.size());
}

}  // namespace rbdcrypt::cmd
