// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt::kms {

// Work factors of ceph-csi's envelope and the size of its key (ceph-csi-compat 6.3).
inline constexpr std::uint64_t kScryptN = 32768;
inline constexpr std::uint64_t kScryptR = 8;
inline constexpr std::uint64_t kScryptP = 1;
inline constexpr std::size_t kScryptKeyBytes = 32;

// Bounds how many scrypt computations run at once, since each takes 128 * N * r = 32 MiB: without
// it, staging many volumes together ends in an OOM kill (safety E5). Thread safe; must outlive its
// passes.
class ScryptGate {
 public:
  // One computation's place, given back on destruction.
  class Pass {
   public:
    Pass(Pass&& other) noexcept;
    Pass& operator=(Pass&&) = delete;
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    ~Pass();

   private:
    friend class ScryptGate;

    explicit Pass(ScryptGate* gate) : gate_(gate) {}

    ScryptGate* gate_;
  };

  // At least one place.
  explicit ScryptGate(int places);

  // As many as the machine has cores: more would only take memory.
  static int OnePerCore();

  // Waits for a place. kDeadlineExceeded, kCancelled: the caller's limit came first (a
  // cancellation is noticed within 50 ms).
  Result<Pass> Enter(const Context& context);

 private:
  void Leave();

  absl::Mutex mutex_;
  int free_places_ ABSL_GUARDED_BY(mutex_);
};

// The 32-byte key that wraps the DEK of one volume: its ID is the salt, byte for byte. About 70 ms
// of one core. Errors are those of Enter(); kInternal: OpenSSL failed.
Result<Secret> ScryptKey(const Context& context,
                         ScryptGate& gate,
                         const Secret& passphrase,
                         std::string_view volume_id);

}  // namespace rbdcrypt::kms
