// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/image_watchers.h"

#include <cerrno>

#include "base/strings.h"

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
  return ImageWatchers(std::move(entries));
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
