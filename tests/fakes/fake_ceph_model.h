// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "rbd/image_store.h"
#include "rbd/omap.h"

// What tests/fakes/fake_cluster.h keeps: plain data, guarded by the mutex of the FakeCeph it is in.
namespace rbdcrypt::testing {

// One life of one process. When it ends, all its connections end with it.
struct FakeLife {
  // How many more effects land before the last one; nothing means no limit.
  std::optional<int> effects_left;
  bool last_one_lands = false;
  std::optional<Clock::TimePoint> died_at;
  // The test's own hand: its changes are no effects.
  bool is_admin = false;
};

// One connection as the cluster sees it.
struct FakeClient {
  // "client.4100".
  std::string name;
  // "127.0.0.1:0/1000004100".
  std::string address;
  std::shared_ptr<FakeLife> life;
};

struct FakeLock {
  std::string client;
  std::string address;
  std::string cookie;
  // Nothing: it never runs out.
  std::optional<Clock::TimePoint> expires;
};

// A RADOS object. Its locks go with it.
struct FakeObject {
  rbd::OmapValues omap;
  std::map<std::string, FakeLock> locks;
};

// Image bytes are kept in pages of what was written; `written` has a bit per 512-byte sector.
struct FakePage {
  static constexpr std::size_t kBytes = 4096;
  static constexpr std::size_t kSectorBytes = 512;

  std::array<std::byte, kBytes> bytes{};
  std::bitset<kBytes / kSectorBytes> written;
};

struct FakeWatch {
  std::uint64_t handle = 0;
  std::string address;
  // Null for a watcher that a test put there by hand.
  std::shared_ptr<const FakeLife> life;
};

// The bytes of an image at one time.
struct FakeSnapshot {
  std::uint64_t id = 0;
  std::string name;
  std::uint64_t size_bytes = 0;
  std::map<std::uint64_t, FakePage> pages;
};

struct FakeImageData {
  std::string id;
  std::string name;
  rbd::ImageLayout layout;
  std::map<std::string, std::string> metadata;
  std::map<std::uint64_t, FakePage> pages;
  std::vector<FakeWatch> watches;
  std::vector<rbd::Extent> unreadable;
  std::vector<FakeSnapshot> snapshots;
  bool snapshots_are_readable = true;
  bool has_clones = false;
  bool is_purged = false;
};

// What one pool holds under one namespace.
struct FakeSpace {
  std::map<std::string, FakeObject> objects;
  std::map<std::string, std::shared_ptr<FakeImageData>> images;
  std::map<std::string, std::shared_ptr<FakeImageData>> trash;
};

struct FakePoolData {
  std::string name;
  std::map<std::string, FakeSpace> spaces;
};

struct FakeCephModel {
  std::map<std::int64_t, FakePoolData> pools;
  // Address -> until when.
  std::map<std::string, Clock::TimePoint> blocklist;

  // Pools can be removed under a handle: null then.
  FakeSpace* Space(std::int64_t pool_id, const std::string& rados_namespace) {
    const auto pool = pools.find(pool_id);
    if (pool == pools.end()) {
      return nullptr;
    }
    const auto space = pool->second.spaces.find(rados_namespace);
    return space == pool->second.spaces.end() ? nullptr : &space->second;
  }
};

// One durable change: how tests call it, and what it does to the model. Without `land` there is
// nothing to do.
struct FakeEffect {
  std::string what;
  std::function<void()> land;
};

}  // namespace rbdcrypt::testing
