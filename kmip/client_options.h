// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstddef>

#include "kms/breaker.h"

namespace rbdcrypt::kmip {

// Limits of a key manager's client. Where no other source is named, they are those that kmip.md 14
// suggests.
struct ClientOptions {
  // Of one message each, from its first byte to its last (ceph-csi-compat 6.8: READ_TIMEOUT,
  // WRITE_TIMEOUT).
  std::chrono::milliseconds read_timeout = std::chrono::seconds(10);
  std::chrono::milliseconds write_timeout = std::chrono::seconds(10);
  // Kept connections, and pieces of work at once, of one server (as ScyllaDB keeps).
  std::size_t connections = 8;
  // One that nobody used for so long is closed rather than used: firewalls drop it silently.
  std::chrono::seconds idle = std::chrono::seconds(60);
  // After so long with another one, the first server is tried again.
  std::chrono::seconds cool_down = std::chrono::seconds(30);
  // Rounds over all servers; waits between them double from `backoff` to `max_backoff`, with full
  // jitter.
  int rounds = 3;
  std::chrono::milliseconds backoff = std::chrono::milliseconds(100);
  std::chrono::milliseconds max_backoff = std::chrono::seconds(2);
  // Of each server.
  kms::Breaker::Options breaker = {};
};

}  // namespace rbdcrypt::kmip
