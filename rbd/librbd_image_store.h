// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rbd/image_store.h"
#include "rbd/rados_client.h"

namespace rbdcrypt::rbd {

// Trashed images of at most this many objects (2 GiB of the usual 4 MiB) are removed in the call:
// well under a second, and gone when it returns. Larger ones are the manager's, in the background.
inline constexpr std::uint64_t kMaxObjectsRemovedHere = 512;

// ImageStore on librbd.
class LibrbdImageStore final : public ImageStore {
 public:
  explicit LibrbdImageStore(std::shared_ptr<RadosPool> pool) : pool_(std::move(pool)) {}

  // Also clears away what a client that died inside rbd_create left under that name: a name that
  // leads to no image, which librbd would call taken for ever. kInvalidArgument: the layout is not
  // possible; the text names the field. kNotFound is never given.
  Status Create(std::string_view name, const ImageLayout& layout) override;

  Result<std::unique_ptr<Image>> Open(std::string_view name, OpenMode mode) override;
  Result<std::unique_ptr<Image>> OpenSnapshot(std::string_view name,
                                              std::uint64_t snapshot_id) override;
  Result<std::vector<std::string>> List() override;
  Status MoveToTrash(std::string_view name) override;
  Result<std::vector<TrashEntry>> ListTrash() override;
  Result<std::unique_ptr<Image>> OpenTrashed(std::string_view image_id) override;

  // An image that clones still need is left to the manager, which tries again until they are gone;
  // kFailedPrecondition only where there is no manager to take it.
  Status PurgeFromTrash(std::string_view image_id) override;

 private:
  Status CreateOnce(const std::string& name, const ImageLayout& layout);
  Result<bool> IsHalfMade(const std::string& name);

  // How many objects a trashed image may have, or 0 if it cannot be opened.
  std::uint64_t ObjectCount(const std::string& image_id);
  Status RemoveHere(const std::string& image_id);
  Status LeaveToManager(const std::string& image_id);

  std::shared_ptr<RadosPool> pool_;
};

}  // namespace rbdcrypt::rbd
