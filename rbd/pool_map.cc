// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/pool_map.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "base/strings.h"

namespace rbdcrypt::rbd {
namespace {

// Room for the names of about 100 pools at the first try.
constexpr std::size_t kNameBytes = 4096;

struct NumberedPool {
  std::string name;
  std::int64_t id = 0;
};

using Wanted = std::function<bool(const NumberedPool&)>;

// All names of the present map, each ended by NUL, with an empty one after the last.
Result<std::string> ListNames(RadosClient& client) {
  std::string names(kNameBytes, '\0');
  while (true) {
    const int needed = rados_pool_list(client.handle(), names.data(), names.size());
    if (needed < 0) {
      return client.Error(needed, "list pools");
    }
    if (static_cast<std::size_t>(needed) <= names.size()) {
      return names;
    }
    names.assign(static_cast<std::size_t>(needed), '\0');
  }
}

Result<std::optional<NumberedPool>> FindInPresentMap(RadosClient& client, const Wanted& wanted) {
  ASSIGN_OR_RETURN(const std::string names, ListNames(client));
  for (const char* name = names.c_str(); *name != '\0';) {
    NumberedPool pool = {.name = name};
    name += pool.name.size() + 1;
    pool.id = rados_pool_lookup(client.handle(), pool.name.c_str());
    if (pool.id >= 0 && wanted(pool)) {
      return std::optional(std::move(pool));
    }
  }
  return std::optional<NumberedPool>();
}

Result<NumberedPool> Find(RadosClient& client, const Wanted& wanted, std::string_view what) {
  ASSIGN_OR_RETURN(std::optional<NumberedPool> pool, FindInPresentMap(client, wanted));
  if (!pool.has_value()) {
    RETURN_IF_ERROR(client.WaitForNewestMap());
    ASSIGN_OR_RETURN(pool, FindInPresentMap(client, wanted));
  }
  if (!pool.has_value()) {
    return NotFound(Cat("there is no ", what));
  }
  return *std::move(pool);
}

}  // namespace

Result<std::int64_t> FindPoolId(RadosClient& client, std::string_view name) {
  ASSIGN_OR_RETURN(const NumberedPool pool,
                   Find(
                       client, [name](const NumberedPool& listed) { return listed.name == name; },
                       Cat("pool ", name)));
  return pool.id;
}

Result<std::string> FindPoolName(RadosClient& client, std::int64_t id) {
  ASSIGN_OR_RETURN(NumberedPool pool,
                   Find(
                       client, [id](const NumberedPool& listed) { return listed.id == id; },
                       Cat("pool number ", id)));
  return std::move(pool.name);
}

Result<std::vector<std::string>> ListPoolNames(RadosClient& client) {
  RETURN_IF_ERROR(client.WaitForNewestMap());
  ASSIGN_OR_RETURN(const std::string text, ListNames(client));
  std::vector<std::string> names;
  for (const char* name = text.c_str(); *name != '\0'; name += names.back().size() + 1) {
    names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace rbdcrypt::rbd
