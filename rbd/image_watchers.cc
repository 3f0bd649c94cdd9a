// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/image_watchers.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "base/strings.h"
#include "rbd/blocklist.h"
#include "rbd/client_address.h"

namespace rbdcrypt::rbd {
namespace {

// RBD_HEADER_PREFIX, ceph src/include/rbd_types.h.
constexpr char kHeaderPrefix[] = "rbd_header.";

// A node and ourselves at most, but for a misuse.
constexpr std::size_t kUsualWatchers = 8;

}  // namespace

Result<ImageWatchers> ImageWatchers::List(const RadosPool& pool,
                                          rbd_image_t image,
                                          std::string_view spec) {
  std::vector<rbd_image_watcher_t> entries(kUsualWatchers);
  std::size_t count = entries.size();
  int result = rbd_watchers_list(image, entries.data(), &count);
  while (result == -ERANGE) {
    entries.resize(count);
    result = rbd_watchers_list(image, entries.data(), &count);
  }
  if (result < 0) {
    return pool.client().Error(result, Cat("list watchers of image ", spec));
  }
  entries.resize(count);
  ImageWatchers watchers(std::move(entries));
  RETURN_IF_ERROR(watchers.SetAsideFenced(pool.client()));
  return watchers;
}

Status ImageWatchers::SetAsideFenced(RadosClient& client) {
  const auto is_self = [&client](const rbd_image_watcher_t& entry) {
    return static_cast<std::uint64_t>(entry.id) == client.instance_id();
  };
  if (std::ranges::all_of(entries_, is_self)) {
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const ClientAddresses fenced, ListBlocklist(client));
  const auto is_live = [&](const rbd_image_watcher_t& entry) {
    return is_self(entry) || !fenced.contains(ParseClientAddress(entry.addr));
  };
  const auto first_dead = std::stable_partition(entries_.begin(), entries_.end(), is_live);
  live_count_ = static_cast<std::size_t>(first_dead - entries_.begin());
  return OkStatus();
}

ImageWatchers::~ImageWatchers() {
  if (!entries_.empty()) {
    rbd_watchers_list_cleanup(entries_.data(), entries_.size());
  }
}

Result<std::string> ImageId(const RadosPool& pool, rbd_image_t image) {
  std::string id(32, '\0');
  int result = -ERANGE;
  while (result == -ERANGE) {
    id.resize(id.size() * 2);
    result = rbd_get_id(image, id.data(), id.size());
  }
  if (result < 0) {
    return pool.Error(result, "read the id of an image in", "");
  }
  id.resize(id.find('\0'));
  return id;
}

Result<std::string> ImageHeaderObject(const RadosPool& pool, rbd_image_t image) {
  ASSIGN_OR_RETURN(const std::string id, ImageId(pool, image));
  return Cat(kHeaderPrefix, id);
}

}  // namespace rbdcrypt::rbd
