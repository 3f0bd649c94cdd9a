// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/rados_client.h"

#include <algorithm>
#include <cerrno>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rbd/librbd.h>

#include "base/strings.h"
#include "rbd/ceph_errors.h"
#include "rbd/pool_map.h"

namespace rbdcrypt::rbd {
namespace {

constexpr char kAuthentication[] = "auth_client_required";

struct Setting {
  const char* name;
  std::string value;
};

Status Apply(rados_t cluster, std::span<const Setting> settings) {
  for (const Setting& setting : settings) {
    if (const int result = rados_conf_set(cluster, setting.name, setting.value.c_str());
        result < 0) {
      return FromRados(result, Cat("set Ceph option ", setting.name, "=", setting.value));
    }
  }
  return OkStatus();
}

// What the driver depends on: time-outs (safety G1), no cache (G3), no files, sockets or output of
// librados' own; few threads and little memory of past log lines, for a node idles most of its day.
std::vector<Setting> Necessities(const ClusterAddress& address, std::chrono::seconds timeout) {
  const std::string seconds = std::to_string(timeout.count());
  return {{"mon_host", Join(address.monitors, ",")},
          {"client_mount_timeout", seconds},
          {"rados_mon_op_timeout", seconds},
          {"rados_osd_op_timeout", seconds},
          {"rbd_cache", "false"},
          {"keyring", ""},
          {"admin_socket", ""},
          {"log_file", ""},
          {"log_to_stderr", "false"},
          {"err_to_stderr", "false"},
          {"log_max_recent", "1"},
          {"ms_async_op_threads", "1"},
          {"librados_thread_count", "1"}};
}

// The file's values stay below those set before. librados' own parts (its log above all) see any
// setting only after a file was read, so an empty one stands in for one that is not there.
Status ReadConfigFile(rados_t cluster, const std::string& path) {
  int result = path.empty() ? -ENOENT : rados_conf_read_file(cluster, path.c_str());
  if (result == -ENOENT) {
    result = rados_conf_read_file(cluster, "/dev/null");
  }
  return result < 0 ? InvalidArgument(
                          Cat("Ceph configuration ", path, " cannot be read; correct or remove it"))
                    : OkStatus();
}

std::string GetAuthentication(rados_t cluster) {
  char value[64] = {};
  return rados_conf_get(cluster, kAuthentication, value, sizeof value) < 0 ? "" : value;
}

// Unless the configuration file says otherwise, a client that has a key does not talk to a cluster
// that asks for none (librados' default): somebody else's monitor could pretend to be such.
Status Configure(rados_t cluster,
                 const ClusterAddress& address,
                 const RadosClient::Options& options) {
  const std::string by_default = GetAuthentication(cluster);
  RETURN_IF_ERROR(Apply(cluster, Necessities(address, options.operation_timeout)));
  RETURN_IF_ERROR(ReadConfigFile(cluster, options.config_path));
  if (GetAuthentication(cluster) != by_default) {
    return OkStatus();
  }
  const Setting cephx_only[] = {{kAuthentication, "cephx"}};
  return Apply(cluster, cephx_only);
}

// librados takes the key as a C string and keeps a copy of its own (an exception to safety E1).
Status SetKey(rados_t cluster, const Secret& key) {
  Secret terminated(key.size() + 1);
  std::ranges::copy(key.Reveal(), terminated.MutableBytes().begin());
  if (rados_conf_set(cluster, "key", terminated.RevealText().data()) < 0) {
    return InvalidArgument("userKey is not accepted by librados");
  }
  return OkStatus();
}

Status ConnectError(int result, const std::string& user, const std::string& monitors) {
  const std::string who = Cat("connect to ", monitors, " as client.", user);
  switch (-result) {
    case EACCES:
    case EPERM:
    case EOPNOTSUPP:
      return PermissionDenied(Cat(who, ": wrong user or key; check userID and userKey"));
    case EINVAL:
      return InvalidArgument(Cat(who, ": userKey is no Ceph key, or a monitor address is none"));
    case ENOENT:
      return InvalidArgument(Cat(who, ": no usable monitor address"));
    case ETIMEDOUT:
      return Unavailable(Cat(who,
                             ": no monitor let it in in time; check that they run and, if "
                             "their port is neither 3300 nor 6789, that the address begins "
                             "with v2: or v1:, or a wrong key is not told from a silent one"));
    default:
      return FromRados(result, who);
  }
}

}  // namespace

Result<std::shared_ptr<RadosClient>> RadosClient::Connect(const ClusterAddress& address,
                                                          const Credentials& credentials,
                                                          const Options& options) {
  if (address.monitors.empty()) {
    return InvalidArgument("monitors: none given for this cluster");
  }
  if (credentials.user.empty() || credentials.key.empty()) {
    return InvalidArgument("userID or userKey is empty");
  }
  rados_t cluster = nullptr;
  if (const int result = rados_create(&cluster, credentials.user.c_str()); result < 0) {
    return FromRados(result, "make a librados handle");
  }
  std::shared_ptr<RadosClient> client(new RadosClient(cluster));
  RETURN_IF_ERROR(Configure(cluster, address, options));
  RETURN_IF_ERROR(SetKey(cluster, credentials.key));
  if (const int result = rados_connect(cluster); result < 0) {
    return ConnectError(result, credentials.user, Join(address.monitors, ","));
  }
  return client;
}

Status RadosClient::Error(int result, std::string_view message, SourceLocation where) {
  if (result == -ESHUTDOWN) {
    was_fenced_ = true;
  }
  return FromRados(result, message, where);
}

Status RadosClient::WaitForNewestMap() {
  // The cheapest question to a monitor that has a time-out and that every user may ask.
  rados_cluster_stat_t ignored = {};
  int result = rados_cluster_stat(handle(), &ignored);
  if (result >= 0) {
    result = rados_wait_for_latest_osdmap(handle());
  }
  return result < 0 ? Error(result, "ask the monitors for the newest map") : OkStatus();
}

void RadosClient::RememberFencing(std::string_view address) {
  absl::MutexLock lock(&mutex_);
  fenced_addresses_.emplace(address);
}

bool RadosClient::HasFenced(std::string_view address) const {
  absl::MutexLock lock(&mutex_);
  return fenced_addresses_.contains(address);
}

Result<std::shared_ptr<RadosPool>> RadosPool::Open(std::shared_ptr<RadosClient> client,
                                                   std::string_view name,
                                                   std::string_view rados_namespace) {
  const std::string pool_name(name);
  RETURN_IF_ERROR(FindPoolId(*client, pool_name).status());
  rados_ioctx_t io = nullptr;
  if (const int result = rados_ioctx_create(client->handle(), pool_name.c_str(), &io); result < 0) {
    return client->Error(result, Cat("open pool ", pool_name));
  }
  std::shared_ptr<RadosPool> pool(new RadosPool(std::move(client), io));
  pool->name_ = pool_name;
  if (rados_namespace.empty()) {
    return pool;
  }
  // Asked of the default namespace, which keeps the list of the others.
  pool->namespace_ = rados_namespace;
  bool exists = false;
  if (const int result = rbd_namespace_exists(io, pool->namespace_.c_str(), &exists); result < 0) {
    return pool->Error(result, "look up namespace", "");
  }
  if (!exists) {
    return InvalidArgument(Cat("radosNamespace ", rados_namespace, " does not exist in pool ", name,
                               "; create it with: rbd namespace create"));
  }
  rados_ioctx_set_namespace(io, pool->namespace_.c_str());
  return pool;
}

std::string RadosPool::Spec(std::string_view what) const {
  return namespace_.empty() ? Cat(name_, "/", what) : Cat(name_, "/", namespace_, "/", what);
}

Status RadosPool::Error(int result,
                        std::string_view action,
                        std::string_view what,
                        SourceLocation where) const {
  return client_->Error(result, Cat(action, " ", Spec(what)), where);
}

}  // namespace rbdcrypt::rbd
