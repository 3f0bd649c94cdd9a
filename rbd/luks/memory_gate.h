// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/context.h"
#include "base/status.h"

namespace rbdcrypt::rbd::luks {

// Above this the KDF of a keyslot counts as expensive: twice what this driver and ceph-csi's format
// use (32 MiB). ceph-csi's rotations leave slots of up to 1 GiB (ceph-csi-compat 5.11).
inline constexpr std::uint64_t kCheapKdfBytes = 64ULL * 1024 * 1024;

// What all cheap slots that are tested at one time may take together: a node that stages many
// volumes after a restart must not need 32 MiB for each of them at once.
inline constexpr std::uint64_t kCheapKdfBudgetBytes = 128ULL * 1024 * 1024;

// Lets one expensive keyslot be tested at a time, and only where the memory for it is there, so
// that opening a volume never ends in the OOM killer (safety E5).
//
// Slots without a memory-hard KDF pass at once; cheap ones share a budget. Thread safe. Memory
// belongs to the process, so the process has one gate: ForProcess().
//
//   ASSIGN_OR_RETURN(const MemoryGate::Pass pass, gate.Enter(context, kdf_bytes));
class MemoryGate {
 public:
  // Leave to use the memory; given back on destruction.
  class Pass {
   public:
    Pass() = default;

    Pass(Pass&& other) noexcept
        : gate_(std::exchange(other.gate_, nullptr)), bytes_(other.bytes_) {}

    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }

    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    ~Pass();

   private:
    friend class MemoryGate;

    Pass(MemoryGate* gate, std::uint64_t bytes) : gate_(gate), bytes_(bytes) {}

    MemoryGate* gate_ = nullptr;
    std::uint64_t bytes_ = 0;
  };

  // `root` stands before /proc and /sys/fs/cgroup; tests put a folder of their own there.
  explicit MemoryGate(std::string root = "") : root_(std::move(root)) {}

  // The gate of this process.
  static MemoryGate& ForProcess();

  // Cheap: waits for its part of the budget. Expensive: waits until no other such test runs, then
  // checks that `bytes` and a reserve of 64 MiB are
  // free: by MemAvailable, and by memory.max of this process's cgroup and all above it that it
  // sees. Only cgroup v2 has such limits here: those of v1 are not looked at, and a memory.max that
  // cannot be read counts as none.
  // kUnavailable: not free now, or how much is free cannot be read; try later. kResourceExhausted:
  // the container's limit is lower than that, it will never fit. kDeadlineExceeded, kCancelled:
  // while waiting.
  Result<Pass> Enter(const Context& context, std::uint64_t bytes);

 private:
  // What is free now, and what the strictest limit would ever allow (nothing: no limit).
  struct Memory {
    std::uint64_t free_bytes = 0;
    std::optional<std::uint64_t> limit_bytes;
  };

  Result<Memory> ReadMemory() const;
  static void ApplyCgroup(const std::string& folder, Memory& memory);
  Status CheckMemory(std::uint64_t bytes) const;
  bool HasRoom(std::uint64_t bytes) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  Status Take(const Context& context, std::uint64_t bytes);
  void Leave(std::uint64_t bytes);

  const std::string root_;
  absl::Mutex mutex_;
  bool expensive_runs_ ABSL_GUARDED_BY(mutex_) = false;
  std::uint64_t cheap_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace rbdcrypt::rbd::luks
