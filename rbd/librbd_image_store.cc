// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/librbd_image_store.h"

#include <bit>
#include <cerrno>

#include <rbd/librbd.h>

#include "base/handle.h"
#include "base/strings.h"
#include "rbd/client_address.h"
#include "rbd/exclusive_lock.h"
#include "rbd/image_watchers.h"
#include "rbd/librbd_image.h"
#include "rbd/manager_task.h"
#include "rbd/pool_map.h"

namespace rbdcrypt::rbd {
namespace {

using ImageHandle = CHandle<void, rbd_close>;
using ImageOptions = CHandle<void, rbd_image_options_destroy>;

// Object sizes librbd takes: 2^12 to 2^25 bytes (librbd/image/CreateRequest.cc).
constexpr std::uint64_t kMinObjectBytes = 1ULL << 12;
constexpr std::uint64_t kMaxObjectBytes = 1ULL << 25;

constexpr std::size_t kImagesAtFirst = 64;

int SetOptions(rbd_image_options_t options, const ImageLayout& layout) {
  const auto set = [options](int name, std::uint64_t value) {
    return rbd_image_options_set_uint64(options, name, value);
  };
  int result = set(RBD_IMAGE_OPTION_FORMAT, 2);
  if (result == 0 && layout.features.has_value()) {
    result = set(RBD_IMAGE_OPTION_FEATURES, *layout.features);
  }
  if (result == 0 && layout.object_size_bytes != 0) {
    result = set(RBD_IMAGE_OPTION_ORDER,
                 static_cast<std::uint64_t>(std::countr_zero(layout.object_size_bytes)));
  }
  if (result == 0 && layout.stripe_unit_bytes != 0) {
    result = set(RBD_IMAGE_OPTION_STRIPE_UNIT, layout.stripe_unit_bytes);
  }
  if (result == 0 && layout.stripe_count != 0) {
    result = set(RBD_IMAGE_OPTION_STRIPE_COUNT, layout.stripe_count);
  }
  if (result == 0 && !layout.data_pool.empty()) {
    result =
        rbd_image_options_set_string(options, RBD_IMAGE_OPTION_DATA_POOL, layout.data_pool.c_str());
  }
  return result;
}

Status CheckLayout(const RadosPool& pool, const ImageLayout& layout) {
  const std::uint64_t object_size = layout.object_size_bytes;
  if (object_size != 0 && (!std::has_single_bit(object_size) || object_size < kMinObjectBytes ||
                           object_size > kMaxObjectBytes)) {
    return InvalidArgument(
        Cat("objectSize ", object_size, " is no power of two from 4 KiB to 32 MiB"));
  }
  if ((layout.stripe_unit_bytes == 0) != (layout.stripe_count == 0)) {
    return InvalidArgument("stripeUnit and stripeCount are given together or not at all");
  }
  if (layout.data_pool.empty()) {
    return OkStatus();
  }
  const Status found = FindPoolId(pool.client(), layout.data_pool).status();
  return found.code() == Code::kNotFound
             ? InvalidArgument(Cat("dataPool ", layout.data_pool, " does not exist"))
             : found;
}

}  // namespace

Status LibrbdImageStore::Create(std::string_view name, const ImageLayout& layout) {
  const std::string image_name(name);
  RETURN_IF_ERROR(CheckLayout(*pool_, layout));
  Status created = CreateOnce(image_name, layout);
  if (created.code() != Code::kAlreadyExists) {
    return created;
  }
  ASSIGN_OR_RETURN(const bool half_made, IsHalfMade(image_name));
  if (!half_made) {
    return created;
  }
  if (const int result = rbd_remove(pool_->io(), image_name.c_str());
      result < 0 && result != -ENOENT) {
    return pool_->Error(result, "remove half-made image", name);
  }
  return CreateOnce(image_name, layout);
}

Status LibrbdImageStore::CreateOnce(const std::string& name, const ImageLayout& layout) {
  rbd_image_options_t handle = nullptr;
  rbd_image_options_create(&handle);
  const ImageOptions options(handle);
  int result = SetOptions(handle, layout);
  if (result == 0) {
    result = rbd_create4(pool_->io(), name.c_str(), layout.size_bytes, handle);
  }
  return result < 0 ? pool_->Error(result, "create image", name) : OkStatus();
}

// Nobody else makes an image of this name at the same time: names are journal UUIDs, and the volume
// they belong to is locked.
Result<bool> LibrbdImageStore::IsHalfMade(const std::string& name) {
  const auto opened = Open(name, OpenMode::kReadOnly);
  if (opened.ok() || opened.status().code() == Code::kNotFound) {
    return !opened.ok();
  }
  return opened.status();
}

Result<std::unique_ptr<Image>> LibrbdImageStore::Open(std::string_view name, OpenMode mode) {
  return LibrbdImage::Open(pool_, name, mode);
}

Result<std::unique_ptr<Image>> LibrbdImageStore::OpenSnapshot(std::string_view name,
                                                              std::uint64_t snapshot_id) {
  return LibrbdImage::OpenSnapshot(pool_, name, snapshot_id);
}

Result<std::vector<std::string>> LibrbdImageStore::List() {
  std::vector<rbd_image_spec_t> specs(kImagesAtFirst);
  std::size_t count = specs.size();
  int result = rbd_list2(pool_->io(), specs.data(), &count);
  while (result == -ERANGE) {
    specs.resize(count);
    result = rbd_list2(pool_->io(), specs.data(), &count);
  }
  if (result < 0) {
    return pool_->Error(result, "list images of", "");
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    names.emplace_back(specs[i].name);
  }
  rbd_image_spec_list_cleanup(specs.data(), count);
  return names;
}

Status LibrbdImageStore::MoveToTrash(std::string_view name) {
  const std::string image_name(name);
  const std::string spec = pool_->Spec(name);
  rbd_image_t handle = nullptr;
  if (const int result = rbd_open_read_only(pool_->io(), image_name.c_str(), &handle, nullptr);
      result < 0) {
    return pool_->Error(result, "open image", name);
  }
  {
    const ImageHandle image(handle);
    // librbd itself would ask a user for its lock, and then take the image away from it.
    ASSIGN_OR_RETURN(const ImageWatchers watchers, ImageWatchers::List(*pool_, handle, spec));
    if (!watchers.entries().empty()) {
      return FailedPrecondition(Cat("image ", spec, " is in use by ",
                                    ParseClientAddress(watchers.entries().front().addr)));
    }
    RETURN_IF_ERROR(DropDeadLockOwner(*pool_, handle, spec));
  }
  const int result = rbd_trash_move(pool_->io(), image_name.c_str(), /*delay=*/0);
  if (result == -EBUSY) {
    return FailedPrecondition(Cat("image ", spec, " is in use; see: rbd status ", spec));
  }
  return result < 0 ? pool_->Error(result, "move to trash image", name) : OkStatus();
}

Result<std::vector<TrashEntry>> LibrbdImageStore::ListTrash() {
  std::vector<rbd_trash_image_info_t> listed(kImagesAtFirst);
  std::size_t count = listed.size();
  int result = rbd_trash_list(pool_->io(), listed.data(), &count);
  while (result == -ERANGE) {
    listed.resize(count);
    result = rbd_trash_list(pool_->io(), listed.data(), &count);
  }
  if (result < 0) {
    return pool_->Error(result, "list the trash of", "");
  }
  std::vector<TrashEntry> entries;
  for (std::size_t i = 0; i < count; ++i) {
    entries.push_back({.id = listed[i].id, .name = listed[i].name});
  }
  rbd_trash_list_cleanup(listed.data(), count);
  return entries;
}

// librbd opens by id what is no longer, or not only, in the trash.
Result<std::unique_ptr<Image>> LibrbdImageStore::OpenTrashed(std::string_view image_id) {
  const std::string id(image_id);
  rbd_trash_image_info_t info = {};
  if (const int result = rbd_trash_get(pool_->io(), id.c_str(), &info); result < 0) {
    return pool_->Error(result, "look in the trash for image", image_id);
  }
  rbd_trash_get_cleanup(&info);
  return LibrbdImage::OpenById(pool_, image_id);
}

Status LibrbdImageStore::PurgeFromTrash(std::string_view image_id) {
  const std::string id(image_id);
  if (ObjectCount(id) <= kMaxObjectsRemovedHere) {
    const Status removed = RemoveHere(id);
    if (removed.code() != Code::kFailedPrecondition) {
      return removed;
    }
    return LeaveToManager(id).ok() ? OkStatus() : removed;
  }
  // Whatever the manager says against it, from "access denied" to silence: it can be done here.
  return LeaveToManager(id).ok() ? OkStatus() : RemoveHere(id);
}

std::uint64_t LibrbdImageStore::ObjectCount(const std::string& image_id) {
  rbd_image_t handle = nullptr;
  if (rbd_open_by_id_read_only(pool_->io(), image_id.c_str(), &handle, nullptr) < 0) {
    return 0;
  }
  const ImageHandle image(handle);
  rbd_image_info_t info = {};
  return rbd_stat(handle, &info, sizeof info) < 0 ? 0 : info.num_objs;
}

Status LibrbdImageStore::RemoveHere(const std::string& image_id) {
  // Forced, since the delay of 0 is measured against another machine's clock.
  const int result = rbd_trash_remove(pool_->io(), image_id.c_str(), /*force=*/true);
  if (result == -EBUSY || result == -ENOTEMPTY) {
    return FailedPrecondition(Cat("trashed image ", pool_->Spec(image_id),
                                  " is still needed by snapshots or clones, or in use"));
  }
  return result < 0 && result != -ENOENT ? pool_->Error(result, "remove trashed image", image_id)
                                         : OkStatus();
}

Status LibrbdImageStore::LeaveToManager(const std::string& image_id) {
  return AddTrashRemoveTask(pool_->client(), pool_->Spec(image_id));
}

}  // namespace rbdcrypt::rbd
