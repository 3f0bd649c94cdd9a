// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <rbd/librbd.h>

#include "base/handle.h"
#include "rbd/image.h"
#include "rbd/image_store.h"
#include "rbd/rados_client.h"

namespace rbdcrypt::rbd {

// Image on librbd.
//
// Opened for writing it is a watcher, and its first write takes RBD's exclusive lock where the
// image has that feature: asked for, never broken (rbd/exclusive_lock); writes and Grow() give
// kAborted instead. Metadata needs the lock only in images with the feature journaling. Closing
// gives it back. Everything written is durable after Flush(), so closing in the destructor loses
// nothing by failing.
class LibrbdImage final : public Image {
 public:
  // kNotFound: no such image.
  static Result<std::unique_ptr<Image>> Open(std::shared_ptr<RadosPool> pool,
                                             std::string_view name,
                                             OpenMode mode);

  // For reading, wherever it is listed, the trash included. kNotFound: no such image.
  static Result<std::unique_ptr<Image>> OpenById(std::shared_ptr<RadosPool> pool,
                                                 std::string_view image_id);

  // As ImageStore::OpenSnapshot.
  static Result<std::unique_ptr<Image>> OpenSnapshot(std::shared_ptr<RadosPool> pool,
                                                     std::string_view name,
                                                     std::uint64_t snapshot_id);

  Result<std::uint64_t> SizeBytes() override;
  Result<std::uint64_t> Features() override;
  Status Read(std::uint64_t offset_bytes, std::span<std::byte> out) override;
  Status Write(std::uint64_t offset_bytes, std::span<const std::byte> data) override;
  Status Flush() override;
  Status CompareAndWrite(std::uint64_t offset_bytes,
                         std::span<const std::byte, kSectorBytes> expected,
                         std::span<const std::byte, kSectorBytes> desired) override;

  std::string Id() const override { return id_; }

  Result<std::string> GetMetadata(std::string_view key) override;
  Status SetAllMetadata(const std::map<std::string, std::string>& pairs) override;
  Status RemoveMetadata(std::string_view key) override;
  Result<std::map<std::string, std::string>> ListMetadata() override;

  // is_self: this client, whatever it opened the image for.
  Result<std::vector<Watcher>> Watchers() override;

  // Those in the trash namespace too, which keep a removed snapshot for its clones.
  Result<std::vector<Snapshot>> Snapshots() override;

  // The parent's data counts as this image's.
  Result<std::optional<Extent>> FirstExtentFrom(std::uint64_t from_bytes) override;

  Status Grow(std::uint64_t size_bytes) override;

 private:
  static Result<std::unique_ptr<LibrbdImage>> OpenHead(std::shared_ptr<RadosPool> pool,
                                                       std::string_view name,
                                                       OpenMode mode);

  LibrbdImage(std::shared_ptr<RadosPool> pool, rbd_image_t image, std::string spec, OpenMode mode)
      : pool_(std::move(pool)), image_(image), spec_(std::move(spec)), mode_(mode) {}

  Status Error(long result,
               std::string_view action,
               SourceLocation where = SourceLocation::Current()) const;
  Result<bool> PrepareMetadataChange();
  Status CheckRange(std::uint64_t offset_bytes, std::size_t size_bytes);

  std::shared_ptr<RadosPool> pool_;
  CHandle<void, rbd_close> image_;
  std::string spec_;
  const OpenMode mode_;
  std::string id_;
};

}  // namespace rbdcrypt::rbd
