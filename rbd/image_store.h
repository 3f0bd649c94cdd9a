// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "rbd/image.h"

namespace rbdcrypt::rbd {

// How a new image is laid out; nothing set means librbd's default.
struct ImageLayout {
  std::uint64_t size_bytes = 0;
  // RBD_FEATURE_* bits.
  std::optional<std::uint64_t> features = {};
  std::string data_pool = {};
  std::uint64_t stripe_unit_bytes = 0;
  std::uint64_t stripe_count = 0;
  std::uint64_t object_size_bytes = 0;
};

enum class OpenMode { kReadWrite, kReadOnly };

// An image in RBD's trash.
struct TrashEntry {
  std::string id;
  std::string name;
};

// The images of one pool and namespace. Real: rbd/librbd_image_store. Fake: tests/fakes.
// Thread safe. Every call may also give kUnavailable and kAborted (this client was fenced).
class ImageStore {
 public:
  virtual ~ImageStore() = default;

  // kAlreadyExists: an image of that name is there.
  virtual Status Create(std::string_view name, const ImageLayout& layout) = 0;

  // kNotFound: no such image. Read-only opens register no watcher.
  virtual Result<std::unique_ptr<Image>> Open(std::string_view name, OpenMode mode) = 0;

  // The image as it was when that snapshot of it was taken: its bytes and size, read-only.
  // kNotFound: no such image or snapshot.
  virtual Result<std::unique_ptr<Image>> OpenSnapshot(std::string_view name,
                                                      std::uint64_t snapshot_id) = 0;

  virtual Result<std::vector<std::string>> List() = 0;

  // Moves the image to the trash with delay 0. kNotFound: no such image. kFailedPrecondition: it
  // is open somewhere.
  virtual Status MoveToTrash(std::string_view name) = 0;

  virtual Result<std::vector<TrashEntry>> ListTrash() = 0;

  // An image in the trash, for reading alone. kNotFound: none of that id is there.
  virtual Result<std::unique_ptr<Image>> OpenTrashed(std::string_view image_id) = 0;

  // Has the manager remove a trashed image (task "trash remove"), or removes it here where the
  // manager cannot. Ok if it is gone. kFailedPrecondition: clones or snapshots still need it.
  virtual Status PurgeFromTrash(std::string_view image_id) = 0;
};

}  // namespace rbdcrypt::rbd
