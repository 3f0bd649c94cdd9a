// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_lock_table.h"

#include "base/strings.h"

namespace rbdcrypt::testing {
namespace {

// osd_max_attr_name_len (100) less the "lock." that RADOS puts before it.
constexpr std::size_t kMaxNameBytes = 95;

Status CheckName(const rbd::LockName& lock) {
  return lock.name.size() <= kMaxNameBytes
             ? OkStatus()
             : InvalidArgument(Cat("lock name ", lock.name, " is longer than RADOS takes"));
}

}  // namespace

FakeLock* FakeLockTable::Find(FakeSpace& space, const rbd::LockName& lock) const {
  const auto object = space.objects.find(lock.object);
  if (object == space.objects.end()) {
    return nullptr;
  }
  const auto held = object->second.locks.find(lock.name);
  if (held == object->second.locks.end()) {
    return nullptr;
  }
  if (held->second.expires.has_value() && *held->second.expires <= seat_.ceph.Now()) {
    object->second.locks.erase(held);
    return nullptr;
  }
  return &held->second;
}

FakeLock FakeLockTable::New(const rbd::LockName& lock, std::chrono::seconds duration) const {
  FakeLock taken{
      .client = seat_.client->name,
      .address = seat_.client->address,
      .cookie = lock.cookie,
      .expires = {},
  };
  if (duration.count() != 0) {
    taken.expires = seat_.ceph.Now() + duration;
  }
  return taken;
}

Status FakeLockTable::Acquire(const rbd::LockName& lock,
                              std::chrono::seconds duration,
                              const rbd::LockNote& note) {
  RETURN_IF_ERROR(CheckName(lock));
  return seat_.Change([&](FakeSpace& space) -> Result<FakeEffect> {
    if (const FakeLock* held = Find(space, lock); held != nullptr) {
      return Aborted(Cat("lock ", lock.name, " is held by ", held->client));
    }
    return FakeEffect{Cat("lock.acquire ", lock.object), [&] {
                        FakeObject& object = space.objects[lock.object];
                        object.locks[lock.name] = New(lock, duration);
                        object.omap[note.key] = note.value;
                      }};
  });
}

Status FakeLockTable::Renew(const rbd::LockName& lock, std::chrono::seconds duration) {
  RETURN_IF_ERROR(CheckName(lock));
  return seat_.Change([&](FakeSpace& space) -> Result<FakeEffect> {
    FakeLock* held = Find(space, lock);
    if (held == nullptr || held->client != seat_.client->name || held->cookie != lock.cookie) {
      return Aborted(Cat("lock ", lock.name, " is no longer ours"));
    }
    return FakeEffect{Cat("lock.renew ", lock.object), [=, this] { *held = New(lock, duration); }};
  });
}

Status FakeLockTable::Release(const rbd::LockName& lock, std::string_view note_key) {
  return seat_.Change([&](FakeSpace& space) -> Result<FakeEffect> {
    const auto object = space.objects.find(lock.object);
    if (object == space.objects.end()) {
      return FakeEffect{};
    }
    const FakeLock* held = Find(space, lock);
    const bool is_ours =
        held != nullptr && held->client == seat_.client->name && held->cookie == lock.cookie;
    const std::string key(note_key);
    if (!is_ours && object->second.omap.count(key) == 0) {
      return FakeEffect{};
    }
    return FakeEffect{Cat("lock.release ", lock.object), [=, &lock] {
                        object->second.omap.erase(key);
                        if (is_ours) {
                          object->second.locks.erase(lock.name);
                        }
                      }};
  });
}

Result<std::optional<rbd::LockHolder>> FakeLockTable::Holder(const rbd::LockName& lock) {
  std::optional<rbd::LockHolder> holder;
  RETURN_IF_ERROR(seat_.Ask([&](FakeSpace& space) {
    if (const FakeLock* held = Find(space, lock); held != nullptr) {
      holder = {.client = held->client, .cookie = held->cookie, .address = held->address};
    }
    return OkStatus();
  }));
  return holder;
}

Status FakeLockTable::Break(const rbd::LockName& lock, const rbd::LockHolder& holder) {
  return seat_.Change([&](FakeSpace& space) -> Result<FakeEffect> {
    const FakeLock* held = Find(space, lock);
    if (held == nullptr || held->client != holder.client || held->cookie != holder.cookie) {
      return FakeEffect{};
    }
    return FakeEffect{Cat("lock.break ", lock.object),
                      [&] { space.objects[lock.object].locks.erase(lock.name); }};
  });
}

}  // namespace rbdcrypt::testing
