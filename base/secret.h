// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/status.h"

namespace rbdcrypt {

// Bytes nobody else may see: a DEK, a KEK, a passphrase, a Ceph key.
//
// Fixed size, move-only, in OpenSSL's secure heap (locked, guard pages, not in core dumps) while
// that has room, else in the ordinary heap; wiped in both on destruction and assignment. Has no
// operator<<, no JSON and no conversion: Reveal() and RevealText() are the only readers, so one
// grep lists every use. Not thread safe while being assigned.
class Secret {
 public:
  // Empty.
  Secret() = default;

  // Zero bytes to be filled through MutableBytes().
  explicit Secret(std::size_t size);

  // A copy of `bytes`; the caller's buffer is the caller's to wipe.
  explicit Secret(std::span<const std::byte> bytes);
  explicit Secret(std::string_view text);

  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  // A second copy, said aloud.
  Secret Clone() const;

  std::size_t size() const { return size_; }

  bool empty() const { return size_ == 0; }

  std::span<const std::byte> Reveal() const { return {data_, size_}; }

  std::string_view RevealText() const { return {reinterpret_cast<const char*>(data_), size_}; }

  std::span<std::byte> MutableBytes() { return {data_, size_}; }

  // Forgets the bytes beyond `size`, which must not exceed size(); they are wiped.
  void Shrink(std::size_t size);

 private:
  void Free();

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

// Whether both hold the same bytes, in time that depends on the sizes alone.
bool SameSecret(const Secret& left, const Secret& right);

// `size` bytes of the operating system's random source. kInternal: the source failed.
Result<Secret> RandomSecret(std::size_t size);

// Sets up the locked heap for the whole process; called once, first thing in main. Without it (or
// where the lock limit is too low) secrets are wiped but may be swapped. True if memory is locked.
bool InitSecretHeap();

}  // namespace rbdcrypt
