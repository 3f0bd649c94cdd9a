// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_image_store.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/strings.h"
#include "tests/fakes/fake_image.h"

namespace rbdcrypt::testing {
namespace {

std::shared_ptr<FakeImageData> Find(const FakeSpace& space, std::string_view name) {
  const auto found = space.images.find(std::string(name));
  return found == space.images.end() ? nullptr : found->second;
}

Status NoImage(std::string_view name) {
  return NotFound(Cat("no image ", name));
}

}  // namespace

const std::vector<FakeWatch>& LiveWatches(FakeImageData& image, Clock::TimePoint now) {
  std::erase_if(image.watches, [&](const FakeWatch& watch) {
    return watch.life != nullptr && watch.life->died_at.has_value() &&
           now - *watch.life->died_at >= kWatchTimeout;
  });
  return image.watches;
}

Status FakeImageStore::Create(std::string_view name, const rbd::ImageLayout& layout) {
  return seat_.Change([&](FakeSpace& space) -> Result<FakeEffect> {
    if (Find(space, name) != nullptr) {
      return AlreadyExists(Cat("image ", name, " is there"));
    }
    return FakeEffect{Cat("image.create ", name), [&] {
                        auto image = std::make_shared<FakeImageData>();
                        image->id = HexUint(seat_.ceph.NextNumber(), 12);
                        image->name = name;
                        image->layout = layout;
                        if (image->layout.object_size_bytes == 0) {
                          image->layout.object_size_bytes = 4ULL << 20U;
                        }
                        space.images[image->name] = std::move(image);
                      }};
  });
}

Result<std::unique_ptr<rbd::Image>> FakeImageStore::Open(std::string_view name,
                                                         rbd::OpenMode mode) {
  std::shared_ptr<FakeImageData> image;
  std::uint64_t handle = 0;
  RETURN_IF_ERROR(seat_.Ask([&](FakeSpace& space) {
    image = Find(space, name);
    if (image == nullptr) {
      return NoImage(name);
    }
    if (mode == rbd::OpenMode::kReadWrite) {
      handle = seat_.ceph.NextNumber();
      image->watches.push_back(
          {.handle = handle, .address = seat_.client->address, .life = seat_.client->life});
    }
    return OkStatus();
  }));
  return std::make_unique<FakeImage>(seat_, std::move(image), mode, handle);
}

Result<std::unique_ptr<rbd::Image>> FakeImageStore::OpenSnapshot(std::string_view name,
                                                                 std::uint64_t snapshot_id) {
  std::shared_ptr<FakeImageData> as_it_was;
  RETURN_IF_ERROR(seat_.Ask([&](FakeSpace& space) {
    const std::shared_ptr<FakeImageData> image = Find(space, name);
    if (image == nullptr) {
      return NoImage(name);
    }
    const auto snapshot = std::ranges::find(image->snapshots, snapshot_id, &FakeSnapshot::id);
    if (snapshot == image->snapshots.end()) {
      return NotFound(Cat("image ", name, " has no snapshot ", snapshot_id));
    }
    as_it_was = std::make_shared<FakeImageData>();
    as_it_was->id = image->id;
    as_it_was->name = image->name;
    as_it_was->layout = image->layout;
    as_it_was->layout.size_bytes = snapshot->size_bytes;
    as_it_was->pages = snapshot->pages;
    if (!image->snapshots_are_readable) {
      as_it_was->unreadable = {{.offset_bytes = 0, .length_bytes = snapshot->size_bytes}};
    }
    return OkStatus();
  }));
  return std::make_unique<FakeImage>(seat_, std::move(as_it_was), rbd::OpenMode::kReadOnly,
                                     /*handle=*/0);
}

Result<std::vector<std::string>> FakeImageStore::List() {
  std::vector<std::string> names;
  RETURN_IF_ERROR(seat_.Ask([&](FakeSpace& space) {
    for (const auto& [name, image] : space.images) {
      names.push_back(name);
    }
    return OkStatus();
  }));
  return names;
}

Status FakeImageStore::MoveToTrash(std::string_view name) {
  return seat_.Change([&](FakeSpace& space) -> Result<FakeEffect> {
    const std::shared_ptr<FakeImageData> image = Find(space, name);
    if (image == nullptr) {
      return NoImage(name);
    }
    const std::vector<FakeWatch>& watches = LiveWatches(*image, seat_.ceph.Now());
    if (std::any_of(watches.begin(), watches.end(), [&](const FakeWatch& watch) {
          return watch.address != seat_.client->address;
        })) {
      return FailedPrecondition(Cat("image ", name, " is in use"));
    }
    return FakeEffect{Cat("trash.move ", name), [&space, image] {
                        space.trash[image->id] = image;
                        space.images.erase(image->name);
                      }};
  });
}

Result<std::vector<rbd::TrashEntry>> FakeImageStore::ListTrash() {
  std::vector<rbd::TrashEntry> entries;
  RETURN_IF_ERROR(seat_.Ask([&](FakeSpace& space) {
    for (const auto& [id, image] : space.trash) {
      entries.push_back({.id = id, .name = image->name});
    }
    return OkStatus();
  }));
  return entries;
}

Result<std::unique_ptr<rbd::Image>> FakeImageStore::OpenTrashed(std::string_view image_id) {
  std::shared_ptr<FakeImageData> image;
  RETURN_IF_ERROR(seat_.Ask([&](FakeSpace& space) {
    const auto found = space.trash.find(std::string(image_id));
    if (found == space.trash.end()) {
      return NotFound(Cat("no image ", image_id, " is in the trash"));
    }
    image = found->second;
    return OkStatus();
  }));
  return std::make_unique<FakeImage>(seat_, std::move(image), rbd::OpenMode::kReadOnly,
                                     /*handle=*/0);
}

Status FakeImageStore::PurgeFromTrash(std::string_view image_id) {
  return seat_.Change([&](FakeSpace& space) -> Result<FakeEffect> {
    const auto found = space.trash.find(std::string(image_id));
    if (found == space.trash.end()) {
      return FakeEffect{};
    }
    const std::shared_ptr<FakeImageData> image = found->second;
    if (!image->snapshots.empty() || image->has_clones) {
      return FailedPrecondition(Cat("image ", image->name, " has snapshots or clones"));
    }
    return FakeEffect{Cat("trash.purge ", image_id), [&space, image] {
                        image->is_purged = true;
                        space.trash.erase(image->id);
                      }};
  });
}

}  // namespace rbdcrypt::testing
