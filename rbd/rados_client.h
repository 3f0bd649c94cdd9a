// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <rados/librados.h>

#include "base/handle.h"
#include "base/status.h"
#include "rbd/cluster.h"

namespace rbdcrypt::rbd {

// A connected librados handle with what its users share: whether it was fenced, and whom it fenced.
//
// Lives until the last pool, lock table or image opened through it is gone. Thread safe.
class RadosClient {
 public:
  struct Options {
    // Read first where it exists, as ceph-csi does; what the driver needs to be so wins over it.
    std::string config_path = "/etc/ceph/ceph.conf";
    // No operation may outlive a volume lock (safety G1).
    std::chrono::seconds operation_timeout{30};
  };

  // kUnavailable: no monitor answers. kPermissionDenied: wrong user or key. kInvalidArgument: no
  // monitors, a key that is none, or an unreadable configuration file.
  static Result<std::shared_ptr<RadosClient>> Connect(const ClusterAddress& address,
                                                      const Credentials& credentials,
                                                      const Options& options);

  rados_t handle() const { return cluster_.get(); }

  // The number that Ceph knows this client by, as in "client.4123" and in watchers.
  std::uint64_t instance_id() const { return rados_get_instance_id(handle()); }

  // FromRados, which also remembers if the error says that this client was fenced.
  Status Error(int result,
               std::string_view message,
               SourceLocation where = SourceLocation::Current());

  // Until this client has the newest map of OSDs, pools and blocklists. kUnavailable: no monitor
  // answers; found out first, since librados would wait for one without any time-out.
  Status WaitForNewestMap();

  bool WasFenced() const { return was_fenced_; }

  // Addresses this client shut out: their locks may be taken over (safety G5 spares live nodes).
  void RememberFencing(std::string_view address);
  bool HasFenced(std::string_view address) const;

 private:
  explicit RadosClient(rados_t cluster) : cluster_(cluster) {}

  CHandle<void, rados_shutdown> cluster_;
  std::atomic<bool> was_fenced_ = false;
  mutable absl::Mutex mutex_;
  std::set<std::string, std::less<>> fenced_addresses_ ABSL_GUARDED_BY(mutex_);
};

// One pool and RADOS namespace of a client. Thread safe: nothing of the context changes once open.
class RadosPool {
 public:
  // kNotFound: no such pool. kInvalidArgument: no such RBD namespace in it.
  static Result<std::shared_ptr<RadosPool>> Open(std::shared_ptr<RadosClient> client,
                                                 std::string_view name,
                                                 std::string_view rados_namespace);

  rados_ioctx_t io() const { return io_.get(); }

  RadosClient& client() const { return *client_; }

  const std::string& name() const { return name_; }

  const std::string& rados_namespace() const { return namespace_; }

  // "pool/namespace/what", or "pool/what" in the default namespace: how rbd names images.
  std::string Spec(std::string_view what) const;

  // RadosClient::Error with "action pool/what" for a text.
  Status Error(int result,
               std::string_view action,
               std::string_view what,
               SourceLocation where = SourceLocation::Current()) const;

 private:
  RadosPool(std::shared_ptr<RadosClient> client, rados_ioctx_t io)
      : client_(std::move(client)), io_(io) {}

  std::shared_ptr<RadosClient> client_;
  CHandle<void, rados_ioctx_destroy> io_;
  std::string name_;
  std::string namespace_;
};

}  // namespace rbdcrypt::rbd
