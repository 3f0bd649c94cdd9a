// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/rados_connection.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <utility>

#include <rbd/librbd.h>

#include "base/handle.h"
#include "base/strings.h"
#include "base/uuid.h"
#include "rbd/client_address.h"
#include "rbd/librbd_image_store.h"
#include "rbd/pool_map.h"
#include "rbd/rados_lock_table.h"
#include "rbd/rados_omap.h"

namespace rbdcrypt::rbd {
namespace {

// What IsFenced() asks for; it need not exist.
constexpr char kProbeObject[] = "rbd_info";

// Room for the names of a pool's namespaces at the first try.
constexpr std::size_t kNamespaceBytes = 4096;

class RadosPoolParts final : public Pool {
 public:
  explicit RadosPoolParts(std::shared_ptr<RadosPool> pool)
      : pool_(std::move(pool)), images_(pool_), omap_(pool_), locks_(pool_) {}

  const std::string& name() const override { return pool_->name(); }

  const std::string& rados_namespace() const override { return pool_->rados_namespace(); }

  std::int64_t id() const override { return rados_ioctx_get_id(pool_->io()); }

  ImageStore& images() override { return images_; }

  Omap& omap() override { return omap_; }

  LockTable& locks() override { return locks_; }

 private:
  std::shared_ptr<RadosPool> pool_;
  LibrbdImageStore images_;
  RadosOmap omap_;
  RadosLockTable locks_;
};

}  // namespace

Result<std::unique_ptr<Connection>> RadosConnection::Connect(const ClusterAddress& address,
                                                             const Credentials& credentials,
                                                             const RadosClient::Options& options) {
  ASSIGN_OR_RETURN(std::shared_ptr<RadosClient> client,
                   RadosClient::Connect(address, credentials, options));
  return std::unique_ptr<Connection>(new RadosConnection(std::move(client)));
}

Result<std::unique_ptr<Pool>> RadosConnection::OpenPool(std::string_view name,
                                                        std::string_view rados_namespace) {
  ASSIGN_OR_RETURN(std::shared_ptr<RadosPool> pool,
                   RadosPool::Open(client_, name, rados_namespace));
  {
    absl::MutexLock lock(&mutex_);
    last_pool_ = pool;
  }
  return std::make_unique<RadosPoolParts>(std::move(pool));
}

Result<std::string> RadosConnection::PoolName(std::int64_t pool_id) {
  return FindPoolName(*client_, pool_id);
}

Result<std::int64_t> RadosConnection::PoolId(std::string_view name) {
  return FindPoolId(*client_, name);
}

Result<std::vector<std::string>> RadosConnection::PoolNames() {
  return ListPoolNames(*client_);
}

Result<std::vector<std::string>> RadosConnection::NamespacesOf(std::string_view pool) {
  ASSIGN_OR_RETURN(const std::shared_ptr<RadosPool> opened, RadosPool::Open(client_, pool, ""));
  std::string text(kNamespaceBytes, '\0');
  int result = -ERANGE;
  std::size_t size = text.size();
  while (result == -ERANGE) {
    text.resize(size);
    result = rbd_namespace_list(opened->io(), text.data(), &size);
  }
  if (result < 0) {
    return opened->Error(result, "list the namespaces of", "");
  }
  std::vector<std::string> names;
  for (std::size_t at = 0; at < size; at += names.back().size() + 1) {
    names.emplace_back(text.c_str() + at);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> RadosConnection::Fsid() {
  // A UUID in canonical form and its NUL.
  std::string fsid(kUuidChars + 1, '\0');
  const int result = rados_cluster_fsid(client_->handle(), fsid.data(), fsid.size());
  if (result < 0) {
    return client_->Error(result, "read the cluster's fsid");
  }
  fsid.resize(static_cast<std::size_t>(result));
  return fsid;
}

Result<std::vector<std::string>> RadosConnection::OwnAddresses() {
  char* text = nullptr;
  const int result = rados_getaddrs(client_->handle(), &text);
  const CHandle<char, std::free> owned(text);
  if (result < 0) {
    return client_->Error(result, "read the addresses of this client");
  }
  std::vector<std::string> addresses = ParseClientAddresses(text);
  if (addresses.empty()) {
    return Internal(Cat("librados gives no address of this client, but \"", text, "\""));
  }
  return addresses;
}

Status RadosConnection::Blocklist(std::string_view address, std::chrono::seconds duration) {
  // librados takes a mutable text, which it does not change.
  std::string text(address);
  const int result = rados_blocklist_add(client_->handle(), text.data(),
                                         static_cast<std::uint32_t>(duration.count()));
  if (result < 0) {
    return client_->Error(result, Cat("blocklist client ", address));
  }
  RETURN_IF_ERROR(client_->WaitForNewestMap());
  client_->RememberFencing(address);
  return OkStatus();
}

bool RadosConnection::IsFenced() {
  std::shared_ptr<RadosPool> pool;
  {
    absl::MutexLock lock(&mutex_);
    pool = last_pool_;
  }
  if (client_->WasFenced() || pool == nullptr) {
    return client_->WasFenced();
  }
  // With the newest map, which the OSD must then have too before it answers.
  if (client_->WaitForNewestMap().ok()) {
    const int result = rados_stat(pool->io(), kProbeObject, nullptr, nullptr);
    // Called for what it remembers.
    static_cast<void>(client_->Error(result, "ask whether this client is fenced"));
  }
  return client_->WasFenced();
}

}  // namespace rbdcrypt::rbd
