// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rbd/librbd.h>

#include "base/status.h"
#include "rbd/rados_client.h"

namespace rbdcrypt::rbd {

// Who watches an image's header, as librbd lists it; owns the list.
class ImageWatchers {
 public:
  static Result<ImageWatchers> List(const RadosPool& pool,
                                    rbd_image_t image,
                                    std::string_view spec);

  ImageWatchers(ImageWatchers&&) noexcept = default;
  ImageWatchers& operator=(ImageWatchers&&) = delete;
  ImageWatchers(const ImageWatchers&) = delete;
  ImageWatchers& operator=(const ImageWatchers&) = delete;
  ~ImageWatchers();

  std::span<const rbd_image_watcher_t> entries() const { return entries_; }

 private:
  explicit ImageWatchers(std::vector<rbd_image_watcher_t> entries) : entries_(std::move(entries)) {}

  std::vector<rbd_image_watcher_t> entries_;
};

// RBD's internal id of the image, "3ee7f9c1922985".
Result<std::string> ImageId(const RadosPool& pool, rbd_image_t image);

// The object that carries its metadata, watches and lock: "rbd_header.3ee7f9c1922985".
Result<std::string> ImageHeaderObject(const RadosPool& pool, rbd_image_t image);

}  // namespace rbdcrypt::rbd
