// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"
#include "base/sha256.h"
#include "rbd/cluster.h"

namespace rbdcrypt::rbd {

// How long a connection that nobody uses is kept at least; see CloseIdle().
inline constexpr std::chrono::minutes kIdleConnectionLife{10};

// Keeps connections: one per cluster, user and key for all, and more of them lent out one by one.
//
// Fenced ones are thrown away when they would be handed out next, idle ones by any call after their
// time. Of a key only its SHA-256 is kept, to tell keys apart: a changed key is another connection.
// Connecting happens outside of the lock; of two first callers one connects in vain.
class Connections final : public ConnectionSource {
 public:
  using Connector =
      std::function<Result<std::unique_ptr<Connection>>(const ClusterAddress&, const Credentials&)>;

  // `clock` must outlive this. The usual connector is RadosConnection::Connect.
  Connections(Clock& clock, Connector connect);
  ~Connections() override;

  Result<std::shared_ptr<Connection>> Shared(const ClusterAddress& address,
                                             const Credentials& credentials) override;
  Result<std::shared_ptr<Connection>> Exclusive(const ClusterAddress& address,
                                                const Credentials& credentials) override;

  // Closes what was idle for too long, beyond the lock of this object. Shared() and Exclusive()
  // begin with it and nobody else calls it: where no calls come, idle connections stay open.
  void CloseIdle();

 private:
  struct Key {
    // Sorted: the order of monitors in a configuration means nothing.
    std::vector<std::string> monitors;
    std::string user;
    std::array<std::byte, kSha256Bytes> key_sha256 = {};

    friend auto operator<=>(const Key&, const Key&) = default;
  };

  template <typename Pointer>
  struct Kept {
    Pointer connection;
    Clock::TimePoint used_at;
  };

  static Key MakeKey(const ClusterAddress& address, const Credentials& credentials);
  std::shared_ptr<Connection> FindShared(const Key& key);
  void ForgetShared(const Key& key, const std::shared_ptr<Connection>& connection);
  std::unique_ptr<Connection> TakeIdle(const Key& key);
  std::shared_ptr<Connection> Lend(const Key& key, std::unique_ptr<Connection> connection);
  void TakeBack(const Key& key, std::unique_ptr<Connection> connection);

  Clock& clock_;
  const Connector connect_;
  absl::Mutex mutex_;
  std::map<Key, Kept<std::shared_ptr<Connection>>> shared_ ABSL_GUARDED_BY(mutex_);
  // Newest last, and taken first: the others grow old and are closed.
  std::map<Key, std::vector<Kept<std::unique_ptr<Connection>>>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::rbd
