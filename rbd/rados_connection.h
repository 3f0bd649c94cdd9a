// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "rbd/cluster.h"
#include "rbd/rados_client.h"

namespace rbdcrypt::rbd {

// Connection on librados. What it opens keeps the librados handle alive on its own.
class RadosConnection final : public Connection {
 public:
  // Errors as of RadosClient::Connect.
  static Result<std::unique_ptr<Connection>> Connect(const ClusterAddress& address,
                                                     const Credentials& credentials,
                                                     const RadosClient::Options& options);

  Result<std::unique_ptr<Pool>> OpenPool(std::string_view name,
                                         std::string_view rados_namespace) override;
  Result<std::string> PoolName(std::int64_t pool_id) override;
  Result<std::int64_t> PoolId(std::string_view name) override;
  Result<std::vector<std::string>> PoolNames() override;
  Result<std::vector<std::string>> NamespacesOf(std::string_view pool) override;
  Result<std::string> Fsid() override;
  Result<std::vector<std::string>> OwnAddresses() override;
  Status Blocklist(std::string_view address, std::chrono::seconds duration) override;

  // Asks the OSD of an object of the pool opened last. False while no pool was opened, or where the
  // cluster does not answer.
  bool IsFenced() override;

 private:
  explicit RadosConnection(std::shared_ptr<RadosClient> client) : client_(std::move(client)) {}

  std::shared_ptr<RadosClient> client_;
  absl::Mutex mutex_;
  std::shared_ptr<RadosPool> last_pool_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::rbd
