// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_connection.h"

#include <algorithm>

#include "base/strings.h"

namespace rbdcrypt::testing {

FakePool::FakePool(const FakeSeat& seat, std::string name)
    : seat_(seat), name_(std::move(name)), images_(seat), omap_(seat), locks_(seat) {}

Result<std::unique_ptr<rbd::Pool>> FakeConnection::OpenPool(std::string_view name,
                                                            std::string_view rados_namespace) {
  ASSIGN_OR_RETURN(const std::int64_t id, PoolId(name));
  RETURN_IF_ERROR(ceph_.Ask(*client_, [&](FakeCephModel& model) {
    return model.Space(id, std::string(rados_namespace)) != nullptr
               ? OkStatus()
               : InvalidArgument(Cat("pool ", name, " has no namespace ", rados_namespace));
  }));
  return std::make_unique<FakePool>(
      FakeSeat{
          .ceph = ceph_,
          .client = client_,
          .pool_id = id,
          .rados_namespace = std::string(rados_namespace),
      },
      std::string(name));
}

Result<std::string> FakeConnection::PoolName(std::int64_t pool_id) {
  std::string name;
  RETURN_IF_ERROR(ceph_.Ask(*client_, [&](FakeCephModel& model) {
    const auto pool = model.pools.find(pool_id);
    if (pool == model.pools.end()) {
      return NotFound(Cat("no pool has the number ", pool_id));
    }
    name = pool->second.name;
    return OkStatus();
  }));
  return name;
}

Result<std::int64_t> FakeConnection::PoolId(std::string_view name) {
  std::int64_t found = 0;
  RETURN_IF_ERROR(ceph_.Ask(*client_, [&](FakeCephModel& model) {
    for (const auto& [id, pool] : model.pools) {
      if (pool.name == name) {
        found = id;
        return OkStatus();
      }
    }
    return NotFound(Cat("no pool has the name ", name));
  }));
  return found;
}

Result<std::vector<std::string>> FakeConnection::PoolNames() {
  std::vector<std::string> names;
  RETURN_IF_ERROR(ceph_.Ask(*client_, [&](FakeCephModel& model) {
    for (const auto& [id, pool] : model.pools) {
      names.push_back(pool.name);
    }
    return OkStatus();
  }));
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<std::string>> FakeConnection::NamespacesOf(std::string_view pool) {
  ASSIGN_OR_RETURN(const std::int64_t id, PoolId(pool));
  std::vector<std::string> names;
  RETURN_IF_ERROR(ceph_.Ask(*client_, [&](FakeCephModel& model) {
    for (const auto& [name, space] : model.pools.at(id).spaces) {
      if (!name.empty()) {
        names.push_back(name);
      }
    }
    return OkStatus();
  }));
  return names;
}

Result<std::string> FakeConnection::Fsid() {
  RETURN_IF_ERROR(ceph_.Ask(*client_, [](FakeCephModel&) { return OkStatus(); }));
  return std::string("b0285c97-a0ce-11eb-8c66-0242ac110002");
}

Result<std::vector<std::string>> FakeConnection::OwnAddresses() {
  RETURN_IF_ERROR(ceph_.Ask(*client_, [](FakeCephModel&) { return OkStatus(); }));
  return std::vector<std::string>{client_->address};
}

Status FakeConnection::Blocklist(std::string_view address, std::chrono::seconds duration) {
  if (!ceph_.MayBlocklist()) {
    return PermissionDenied("this Ceph user may not blocklist");
  }
  const std::string whom(address);
  return ceph_.Change(*client_, [&](FakeCephModel& model) -> Result<FakeEffect> {
    return FakeEffect{Cat("client.blocklist ", whom), [this, &model, whom, duration] {
                        model.blocklist[whom] = ceph_.Now() + duration;
                        for (auto& [id, pool] : model.pools) {
                          for (auto& [name, space] : pool.spaces) {
                            for (auto& [image_name, image] : space.images) {
                              std::erase_if(image->watches, [&](const FakeWatch& watch) {
                                return watch.address == whom;
                              });
                            }
                          }
                        }
                      }};
  });
}

}  // namespace rbdcrypt::testing
