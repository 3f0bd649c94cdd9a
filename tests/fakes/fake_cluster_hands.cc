// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
// The hands of a test on a FakeCeph: what it sets up, breaks and looks at.
#include <utility>

#include "tests/fakes/fake_cluster.h"

namespace rbdcrypt::testing {

void FakeCeph::AddPool(const std::string& name, std::int64_t id) {
  absl::MutexLock lock(&mutex_);
  model_.pools[id] = {.name = name, .spaces = {}};
  model_.pools[id].spaces.try_emplace("");
}

void FakeCeph::RemovePool(std::int64_t id) {
  absl::MutexLock lock(&mutex_);
  model_.pools.erase(id);
}

void FakeCeph::AddNamespace(std::int64_t pool_id, const std::string& rados_namespace) {
  absl::MutexLock lock(&mutex_);
  model_.pools.at(pool_id).spaces.try_emplace(rados_namespace);
}

void FakeCeph::AddUser(const std::string& user, const std::string& key) {
  absl::MutexLock lock(&mutex_);
  users_[user] = key;
}

void FakeCeph::ForbidBlocklisting() {
  absl::MutexLock lock(&mutex_);
  may_blocklist_ = false;
}

void FakeCeph::SetDown(bool is_down) {
  absl::MutexLock lock(&mutex_);
  is_down_ = is_down;
}

std::vector<std::string> FakeCeph::effects() const {
  absl::MutexLock lock(&mutex_);
  return effects_;
}

void FakeCeph::ClearEffects() {
  absl::MutexLock lock(&mutex_);
  effects_.clear();
}

void FakeCeph::OnEffect(std::function<void(const std::string& effect)> hook) {
  absl::MutexLock lock(&mutex_);
  hook_ = std::move(hook);
}

void FakeCeph::FailOnce(const std::string& prefix, const Status& error, LastEffect last) {
  absl::MutexLock lock(&mutex_);
  failures_.push_back({.prefix = prefix, .error = error, .last = last});
}

FakeImageData& FakeCeph::ImageOf(const std::string& image, std::int64_t pool_id) {
  for (auto& [name, space] : model_.pools.at(pool_id).spaces) {
    if (const auto found = space.images.find(image); found != space.images.end()) {
      return *found->second;
    }
    for (auto& [id, trashed] : space.trash) {
      if (trashed->name == image) {
        return *trashed;
      }
    }
  }
  CheckFailed("a test names an image that is there");
}

void FakeCeph::AddWatcher(const std::string& image,
                          const std::string& address,
                          std::int64_t pool_id) {
  absl::MutexLock lock(&mutex_);
  ImageOf(image, pool_id)
      .watches.push_back({.handle = NextNumber(), .address = address, .life = nullptr});
}

void FakeCeph::RemoveWatchers(const std::string& image, std::int64_t pool_id) {
  absl::MutexLock lock(&mutex_);
  ImageOf(image, pool_id).watches.clear();
}

void FakeCeph::TakeSnapshot(const std::string& image,
                            const std::string& name,
                            std::int64_t pool_id) {
  absl::MutexLock lock(&mutex_);
  FakeImageData& data = ImageOf(image, pool_id);
  data.snapshots.push_back({.id = NextNumber(),
                            .name = name,
                            .size_bytes = data.layout.size_bytes,
                            .pages = data.pages});
}

void FakeCeph::FailSnapshotReads(const std::string& image, std::int64_t pool_id) {
  absl::MutexLock lock(&mutex_);
  ImageOf(image, pool_id).snapshots_are_readable = false;
}

void FakeCeph::RemoveSnapshot(const std::string& image,
                              const std::string& name,
                              std::int64_t pool_id) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(ImageOf(image, pool_id).snapshots,
                [&](const FakeSnapshot& one) { return one.name == name; });
}

void FakeCeph::RollBack(const std::string& image, const std::string& name, std::int64_t pool_id) {
  absl::MutexLock lock(&mutex_);
  FakeImageData& data = ImageOf(image, pool_id);
  for (const FakeSnapshot& one : data.snapshots) {
    if (one.name == name) {
      data.pages = one.pages;
      data.layout.size_bytes = one.size_bytes;
    }
  }
}

void FakeCeph::SetClones(const std::string& image, bool has_any, std::int64_t pool_id) {
  absl::MutexLock lock(&mutex_);
  ImageOf(image, pool_id).has_clones = has_any;
}

void FakeCeph::FailReads(const std::string& image, const rbd::Extent& range, std::int64_t pool_id) {
  absl::MutexLock lock(&mutex_);
  FakeImageData& data = ImageOf(image, pool_id);
  if (range.length_bytes == 0) {
    data.unreadable.clear();
  } else {
    data.unreadable.push_back(range);
  }
}

void FakeCeph::DropWatchers(const FakeLife& life) {
  absl::MutexLock lock(&mutex_);
  const auto is_of_life = [&](const FakeWatch& watch) { return watch.life.get() == &life; };
  for (auto& [id, pool] : model_.pools) {
    for (auto& [name, space] : pool.spaces) {
      for (auto& [image_name, image] : space.images) {
        std::erase_if(image->watches, is_of_life);
      }
    }
  }
}

std::map<std::string, rbd::OmapValues> FakeCeph::Objects(std::int64_t pool_id,
                                                         const std::string& rados_namespace) const {
  absl::MutexLock lock(&mutex_);
  std::map<std::string, rbd::OmapValues> objects;
  for (const auto& [name, object] : model_.pools.at(pool_id).spaces.at(rados_namespace).objects) {
    objects[name] = object.omap;
  }
  return objects;
}

}  // namespace rbdcrypt::testing
