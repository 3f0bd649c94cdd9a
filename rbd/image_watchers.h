// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rbd/librbd.h>

#include "base/status.h"
#include "rbd/rados_client.h"

namespace rbdcrypt::rbd {

// Who watches an image's header, as librbd lists it, less those who are on the blocklist: they can
// do nothing any more, and an OSD drops their watches with the new map. Not always: the watch of a
// client that was killed while it registered is kept for good, blocklist or not, until the
// placement group moves (tracker.ceph.com 58120, in all releases before 18.2.5). Owns the list.
class ImageWatchers {
 public:
  // Errors of librbd, and of ListBlocklist, which is asked only where others watch.
  static Result<ImageWatchers> List(const RadosPool& pool,
                                    rbd_image_t image,
                                    std::string_view spec);

  ImageWatchers(ImageWatchers&&) noexcept = default;
  ImageWatchers& operator=(ImageWatchers&&) = delete;
  ImageWatchers(const ImageWatchers&) = delete;
  ImageWatchers& operator=(const ImageWatchers&) = delete;
  ~ImageWatchers();

  std::span<const rbd_image_watcher_t> entries() const {
    return std::span(entries_).first(live_count_);
  }

 private:
  explicit ImageWatchers(std::vector<rbd_image_watcher_t> entries)
      : entries_(std::move(entries)), live_count_(entries_.size()) {}

  Status SetAsideFenced(RadosClient& client);

  // The live ones first.
  std::vector<rbd_image_watcher_t> entries_;
  std::size_t live_count_;
};

// RBD's internal id of the image, "3ee7f9c1922985".
Result<std::string> ImageId(const RadosPool& pool, rbd_image_t image);

// The object that carries its metadata, watches and lock: "rbd_header.3ee7f9c1922985".
Result<std::string> ImageHeaderObject(const RadosPool& pool, rbd_image_t image);

}  // namespace rbdcrypt::rbd
