// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "rbd/image_store.h"
#include "rbd/lock_table.h"
#include "rbd/omap.h"

namespace rbdcrypt::rbd {

// As whom to talk to a cluster: the Secret's userID (without "client.") and userKey (base64 text).
struct Credentials {
  std::string user;
  Secret key;
};

// Which cluster: its monitors, "host:port" or "v2:…" forms as ceph takes them.
struct ClusterAddress {
  std::vector<std::string> monitors;
};

// One pool and RADOS namespace over one connection: its images, journal objects and locks.
// Thread safe, as far as its parts are. Must not outlive its connection.
class Pool {
 public:
  virtual ~Pool() = default;

  virtual const std::string& name() const = 0;
  virtual const std::string& rados_namespace() const = 0;

  // The pool's number, as volume IDs carry it.
  virtual std::int64_t id() const = 0;

  virtual ImageStore& images() = 0;
  virtual Omap& omap() = 0;
  virtual LockTable& locks() = 0;
};

// One connection to one cluster as one user. Thread safe.
//
// RADOS operations time out after 30 s here (kUnavailable), since librados ignores our deadlines
// and no operation may outlive a volume lock (safety G1).
class Connection {
 public:
  virtual ~Connection() = default;

  // kNotFound: no such pool. kInvalidArgument: the namespace does not exist in it.
  virtual Result<std::unique_ptr<Pool>> OpenPool(std::string_view name,
                                                 std::string_view rados_namespace) = 0;

  // kNotFound: no pool of that number.
  virtual Result<std::string> PoolName(std::int64_t pool_id) = 0;

  // kNotFound: no pool of that name.
  virtual Result<std::int64_t> PoolId(std::string_view name) = 0;

  // The names of all pools, whatever is in them, sorted.
  virtual Result<std::vector<std::string>> PoolNames() = 0;

  // The RBD namespaces of a pool beside its default one, sorted. kNotFound: no such pool.
  virtual Result<std::vector<std::string>> NamespacesOf(std::string_view pool) = 0;

  // The cluster's own name for itself: "b0285c97-a0ce-11eb-8c66-0242ac110002".
  virtual Result<std::string> Fsid() = 0;

  // This client's own addresses, each as `ceph osd blocklist add` takes it: "127.0.0.1:0/123".
  virtual Result<std::vector<std::string>> OwnAddresses() = 0;

  // Shuts a client out of the cluster for `duration` and waits until this client has the map that
  // says so. Each OSD takes the map from the next operation of this client, and from then on gives
  // the fenced one ESHUTDOWN: what this client reads or writes after the call, the fenced one
  // cannot change any more (safety G2). kPermissionDenied: the user may not.
  virtual Status Blocklist(std::string_view address, std::chrono::seconds duration) = 0;

  // Whether this client itself was fenced: nothing can be done with it any more.
  virtual bool IsFenced() = 0;
};

// Hands out connections. Thread safe; must outlive them.
class ConnectionSource {
 public:
  virtual ~ConnectionSource() = default;

  // One connection per (monitors, user, key), shared by all callers and kept while idle.
  // kUnavailable: no monitor answers. kPermissionDenied: the key is wrong.
  virtual Result<std::shared_ptr<Connection>> Shared(const ClusterAddress& address,
                                                     const Credentials& credentials) = 0;

  // A connection that nobody else uses until the result dies, for work under a volume lock: fencing
  // its holder takes down nothing else (safety G2). Reused later unless it was fenced.
  virtual Result<std::shared_ptr<Connection>> Exclusive(const ClusterAddress& address,
                                                        const Credentials& credentials) = 0;
};

}  // namespace rbdcrypt::rbd
