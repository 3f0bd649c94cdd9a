// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/status.h"
#include "kms/registry.h"
#include "rbd/cluster.h"
#include "rbd/cluster_config.h"
#include "rbd/journal.h"

namespace rbdcrypt::rbd {

// Who calls: the Ceph user of the request's Secret, and all of that Secret for the KMS.
struct Caller {
  const Credentials& credentials;
  const kms::RequestSecrets& secrets;
};

// Whether the work takes the volume lock, and so needs a connection of its own (safety G2).
enum class ConnectionUse { kShared, kUnderLock };

// Where a volume is and what its journal says, with the connection it was found over.
struct LocatedVolume {
  // As the CO knows it; keys DEK and lock even where a mapping led elsewhere (ceph-csi-compat 3.2).
  std::string volume_id;
  ClusterEntry cluster;
  std::shared_ptr<Connection> connection;
  std::unique_ptr<Pool> pool;
  // Of the journal's directory; null where it is the image's own pool.
  std::unique_ptr<Pool> separate_journal_pool;
  JournalEntry entry;

  Pool& journal_pool() const { return separate_journal_pool ? *separate_journal_pool : *pool; }
};

// What names a static volume: the handle is the image's name.
struct StaticVolume {
  std::string image_name;
  std::string cluster_id;
  std::string pool;
};

// Finds volumes by their IDs. Thread safe; references must outlive it.
class VolumeLocator {
 public:
  VolumeLocator(const ClusterConfig& clusters, ConnectionSource& connections, std::string instance);

  // Where nothing is found under the ID's own cluster and pool, or the user may not look there,
  // every mapped place is tried.
  // kInvalidArgument: not an ID of this driver, a cluster or RADOS namespace that is not there, or
  // a malformed configuration. kNotFound: no such pool, or neither journal entry nor image.
  // kPermissionDenied: Ceph refuses user or key, here and at every mapped place. kUnavailable: the
  // cluster is slow or down, or the configuration cannot be read. kInternal: a journal value that
  // neither driver writes. kAborted: the connection was fenced. kCancelled, kDeadlineExceeded.
  Result<LocatedVolume> Locate(const Context& context,
                               const Caller& caller,
                               std::string_view volume_id,
                               ConnectionUse use) const;

  // A static volume (ceph-csi-compat 1.3): its handle is the image's name, no journal knows it.
  // Errors as Locate; kNotFound: no such pool or image. No mapped place is tried.
  Result<LocatedVolume> LocateStatic(const Context& context,
                                     const Caller& caller,
                                     const StaticVolume& volume,
                                     ConnectionUse use) const;

  // As the caller's Ceph user. kUnavailable: no monitor answers. kPermissionDenied: wrong user or
  // key. kInvalidArgument: no usable monitor address, or a key that is none.
  Result<std::shared_ptr<Connection>> Connect(const ClusterEntry& cluster,
                                              const Caller& caller,
                                              ConnectionUse use) const;

  const ClusterConfig& clusters() const { return clusters_; }

  const std::string& instance() const { return instance_; }

 private:
  Result<LocatedVolume> LocateAt(const Caller& caller,
                                 const MappedLocation& location,
                                 const std::string& uuid,
                                 ConnectionUse use) const;

  const ClusterConfig& clusters_;
  ConnectionSource& connections_;
  std::string instance_;
};

}  // namespace rbdcrypt::rbd
