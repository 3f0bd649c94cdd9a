// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/volume_location.h"

#include <utility>
#include <vector>

#include "base/strings.h"
#include "rbd/names.h"
#include "rbd/volume_id.h"

namespace rbdcrypt::rbd {
namespace {

// What makes it worth looking under a mapped cluster or pool (ceph-csi-compat 3.2).
bool MayBeElsewhere(const Status& status) {
  return status.code() == Code::kNotFound || status.code() == Code::kPermissionDenied;
}

// Whether anything at all is left of the volume: its journal object, or its image.
Result<bool> IsThere(Pool& pool, const JournalEntry& entry) {
  if (entry.state != JournalState::kAbsent) {
    return true;
  }
  const auto image = pool.images().Open(entry.image_name, OpenMode::kReadOnly);
  if (image.status().code() == Code::kNotFound) {
    return false;
  }
  RETURN_IF_ERROR(image.status());
  return true;
}

// A journal whose volume is named in the ID but whose directory is in another pool says so itself.
Result<std::unique_ptr<Pool>> SeparateJournalPool(Connection& connection,
                                                  const Pool& pool,
                                                  const JournalEntry& entry) {
  if (!entry.journal_pool_id.has_value() || *entry.journal_pool_id == pool.id()) {
    return std::unique_ptr<Pool>();
  }
  const Result<std::string> name = connection.PoolName(*entry.journal_pool_id);
  if (name.status().code() == Code::kNotFound) {
    // The volume is there all the same: it must not pass for deleted.
    return FailedPrecondition(Cat("its journal is in pool ", *entry.journal_pool_id,
                                  ", which does not exist; nothing was changed; bring the pool ",
                                  "back, or remove image ", entry.image_name, " by hand"));
  }
  RETURN_IF_ERROR(name.status());
  return connection.OpenPool(*name, pool.rados_namespace());
}

}  // namespace

VolumeLocator::VolumeLocator(const ClusterConfig& clusters,
                             ConnectionSource& connections,
                             std::string instance)
    : clusters_(clusters), connections_(connections), instance_(std::move(instance)) {}

Result<std::shared_ptr<Connection>> VolumeLocator::Connect(const ClusterEntry& cluster,
                                                           const Caller& caller,
                                                           ConnectionUse use) const {
  const ClusterAddress address{cluster.monitors};
  Result<std::shared_ptr<Connection>> connection =
      use == ConnectionUse::kUnderLock ? connections_.Exclusive(address, caller.credentials)
                                       : connections_.Shared(address, caller.credentials);
  if (!connection.ok()) {
    return Annotate(connection.status(),
                    Cat("clusterID ", cluster.cluster_id, ", user ", caller.credentials.user));
  }
  return connection;
}

Result<LocatedVolume> VolumeLocator::LocateAt(const Caller& caller,
                                              const MappedLocation& location,
                                              const std::string& uuid,
                                              ConnectionUse use) const {
  LocatedVolume found;
  ASSIGN_OR_RETURN(found.cluster, clusters_.Find(location.cluster_id));
  ASSIGN_OR_RETURN(found.connection, Connect(found.cluster, caller, use));
  ASSIGN_OR_RETURN(const std::string pool, found.connection->PoolName(location.pool_id));
  ASSIGN_OR_RETURN(found.pool, found.connection->OpenPool(pool, found.cluster.rados_namespace));
  Journal journal(*found.connection, *found.pool, *found.pool, instance_);
  ASSIGN_OR_RETURN(found.entry, journal.FindByUuid(uuid));
  ASSIGN_OR_RETURN(const bool is_there, IsThere(*found.pool, found.entry));
  if (!is_there) {
    return NotFound(Cat("neither a journal entry nor an image ", found.entry.image_name, " is in ",
                        "pool ", pool, " of cluster ", location.cluster_id));
  }
  ASSIGN_OR_RETURN(found.separate_journal_pool,
                   SeparateJournalPool(*found.connection, *found.pool, found.entry));
  return found;
}

Result<LocatedVolume> VolumeLocator::Locate(const Context& context,
                                            const Caller& caller,
                                            std::string_view volume_id,
                                            ConnectionUse use) const {
  ASSIGN_OR_RETURN(const VolumeId id, DecodeVolumeId(volume_id));
  RETURN_IF_ERROR(context.Check(Cat("find volume ", volume_id)));
  const MappedLocation own{id.cluster_id, id.pool_id};
  Result<LocatedVolume> found = LocateAt(caller, own, id.uuid, use);
  if (MayBeElsewhere(found.status())) {
    ASSIGN_OR_RETURN(const std::vector<MappedLocation> mapped,
                     clusters_.MappedLocations(id.cluster_id, id.pool_id));
    for (const MappedLocation& location : mapped) {
      Result<LocatedVolume> there = LocateAt(caller, location, id.uuid, use);
      if (there.ok() || !MayBeElsewhere(there.status())) {
        found = std::move(there);
        break;
      }
      // "Not there" is known only where every place could be looked at.
      if (there.status().code() == Code::kPermissionDenied) {
        found = std::move(there);
      }
    }
  }
  if (!found.ok()) {
    return Annotate(found.status(), Cat("volume ", volume_id));
  }
  found->volume_id = std::string(volume_id);
  return found;
}

Result<LocatedVolume> VolumeLocator::LocateStatic(const Context& context,
                                                  const Caller& caller,
                                                  const StaticVolume& volume,
                                                  ConnectionUse use) const {
  RETURN_IF_ERROR(context.Check(Cat("find static volume ", volume.image_name)));
  LocatedVolume found;
  found.volume_id = volume.image_name;
  ASSIGN_OR_RETURN(found.cluster, clusters_.Find(volume.cluster_id));
  ASSIGN_OR_RETURN(found.connection, Connect(found.cluster, caller, use));
  ASSIGN_OR_RETURN(found.pool,
                   found.connection->OpenPool(volume.pool, found.cluster.rados_namespace));
  found.entry.image_name = volume.image_name;
  found.entry.state = JournalState::kAbsent;
  ASSIGN_OR_RETURN(const bool is_there, IsThere(*found.pool, found.entry));
  if (!is_there) {
    return NotFound(
        Cat("static volume ", volume.image_name, ": no such image in pool ", volume.pool));
  }
  return found;
}

}  // namespace rbdcrypt::rbd
