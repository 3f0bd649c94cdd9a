// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "rbd/luks/header_io.h"

namespace rbdcrypt::testing {

// What becomes of writes that no flush followed when the writer's host dies.
enum class Loss {
  kNothing,  // all arrived
  kAll,      // none arrived
  kSome,     // each sector on its own, by the seed: writes are torn and out of order
};

// The head of an image in memory that dies after its n-th effect and forgets what was not flushed.
//
// An effect is a Write, a CompareAndWrite that matched, or a Flush. Holds 512-byte sectors and
// reads zeros elsewhere, so an image of any size costs what is written to it. Copying it copies the
// image. One thread.
class FakeHeaderIo final : public rbd::luks::HeaderIo {
 public:
  static constexpr std::uint64_t kDefaultSizeBytes = 64 * 1024 * 1024;

  explicit FakeHeaderIo(std::uint64_t size_bytes = kDefaultSizeBytes) : size_bytes_(size_bytes) {}

  Result<std::uint64_t> SizeBytes() override { return size_bytes_; }

  Status Read(std::uint64_t offset_bytes, std::span<std::byte> out) override;
  Status Write(std::uint64_t offset_bytes, std::span<const std::byte> data) override;
  Status Flush() override;
  Status CompareAndWrite(std::uint64_t offset_bytes,
                         std::span<const std::byte, kSectorBytes> expected,
                         std::span<const std::byte, kSectorBytes> desired) override;

  // From now on `effects` more succeed; then every call is kUnavailable.
  void StopAfter(int effects) { effects_left_ = effects; }

  // Effects so far.
  int effects() const { return effects_; }

  // Whether a crash now could lose anything.
  bool has_unflushed() const { return !unflushed_.empty(); }

  // Runs `hook` after each effect, with how many there were; for somebody else who writes between.
  void SetHook(std::function<void(int)> hook) { hook_ = std::move(hook); }

  // The image as the next client finds it, alive again.
  FakeHeaderIo AfterCrash(Loss loss, std::uint32_t seed = 0) const;

  // Another client's write: durable at once, no effect of ours, works on a dead one too.
  void Poke(std::uint64_t offset_bytes, std::span<const std::byte> data);

  // `length` bytes from `offset_bytes`, whatever was stopped.
  std::vector<std::byte> Peek(std::uint64_t offset_bytes, std::size_t length) const;

 private:
  using Sector = std::array<std::byte, kSectorBytes>;

  Status Begin() const;
  Status Done();
  Sector Get(std::uint64_t index) const;
  void Put(std::uint64_t offset_bytes, std::span<const std::byte> data, bool durable);

  std::uint64_t size_bytes_;
  std::map<std::uint64_t, Sector> durable_;
  std::map<std::uint64_t, Sector> unflushed_;
  std::function<void(int)> hook_;
  int effects_ = 0;
  int effects_left_ = -1;
};

}  // namespace rbdcrypt::testing
