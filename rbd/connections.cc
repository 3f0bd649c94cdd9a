// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/connections.h"

#include <algorithm>
#include <utility>

#include "base/sha256.h"

namespace rbdcrypt::rbd {

Connections::Connections(Clock& clock, Connector connect)
    : clock_(clock), connect_(std::move(connect)) {}

Connections::~Connections() = default;

Connections::Key Connections::MakeKey(const ClusterAddress& address,
                                      const Credentials& credentials) {
  Key key = {.monitors = address.monitors,
             .user = credentials.user,
             .key_sha256 = Sha256(credentials.key.Reveal())};
  std::ranges::sort(key.monitors);
  return key;
}

Result<std::shared_ptr<Connection>> Connections::Shared(const ClusterAddress& address,
                                                        const Credentials& credentials) {
  CloseIdle();
  const Key key = MakeKey(address, credentials);
  if (const std::shared_ptr<Connection> found = FindShared(key); found != nullptr) {
    if (!found->IsFenced()) {
      return found;
    }
    ForgetShared(key, found);
  }
  ASSIGN_OR_RETURN(std::shared_ptr<Connection> made, connect_(address, credentials));
  absl::MutexLock lock(&mutex_);
  const auto [entry, is_new] =
      shared_.try_emplace(key, Kept<std::shared_ptr<Connection>>{made, clock_.Now()});
  return entry->second.connection;
}

Result<std::shared_ptr<Connection>> Connections::Exclusive(const ClusterAddress& address,
                                                           const Credentials& credentials) {
  CloseIdle();
  const Key key = MakeKey(address, credentials);
  while (std::unique_ptr<Connection> idle = TakeIdle(key)) {
    if (!idle->IsFenced()) {
      return Lend(key, std::move(idle));
    }
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Connection> made, connect_(address, credentials));
  return Lend(key, std::move(made));
}

std::shared_ptr<Connection> Connections::FindShared(const Key& key) {
  absl::MutexLock lock(&mutex_);
  const auto found = shared_.find(key);
  if (found == shared_.end()) {
    return nullptr;
  }
  found->second.used_at = clock_.Now();
  return found->second.connection;
}

void Connections::ForgetShared(const Key& key, const std::shared_ptr<Connection>& connection) {
  absl::MutexLock lock(&mutex_);
  const auto found = shared_.find(key);
  if (found != shared_.end() && found->second.connection == connection) {
    shared_.erase(found);
  }
}

std::unique_ptr<Connection> Connections::TakeIdle(const Key& key) {
  absl::MutexLock lock(&mutex_);
  const auto found = idle_.find(key);
  if (found == idle_.end() || found->second.empty()) {
    return nullptr;
  }
  std::unique_ptr<Connection> taken = std::move(found->second.back().connection);
  found->second.pop_back();
  return taken;
}

std::shared_ptr<Connection> Connections::Lend(const Key& key,
                                              std::unique_ptr<Connection> connection) {
  return {connection.release(), [this, key](Connection* returned) {
            TakeBack(key, std::unique_ptr<Connection>(returned));
          }};
}

void Connections::TakeBack(const Key& key, std::unique_ptr<Connection> connection) {
  absl::MutexLock lock(&mutex_);
  idle_[key].push_back({std::move(connection), clock_.Now()});
}

void Connections::CloseIdle() {
  // Closed when this goes out of scope, after the lock: closing talks to the cluster.
  std::vector<std::shared_ptr<Connection>> closing;
  absl::MutexLock lock(&mutex_);
  const Clock::TimePoint now = clock_.Now();
  const auto is_old = [now](const auto& kept) { return now - kept.used_at >= kIdleConnectionLife; };
  for (auto entry = shared_.begin(); entry != shared_.end();) {
    auto& kept = entry->second;
    if (kept.connection.use_count() > 1) {
      kept.used_at = now;
    }
    if (is_old(kept)) {
      closing.push_back(std::move(kept.connection));
      entry = shared_.erase(entry);
    } else {
      ++entry;
    }
  }
  for (auto entry = idle_.begin(); entry != idle_.end();) {
    auto& list = entry->second;
    while (!list.empty() && is_old(list.front())) {
      closing.push_back(std::move(list.front().connection));
      list.erase(list.begin());
    }
    entry = list.empty() ? idle_.erase(entry) : std::next(entry);
  }
}

}  // namespace rbdcrypt::rbd
