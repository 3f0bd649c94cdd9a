// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/secret.h"

namespace rbdcrypt {

// A Secret under composition, whose size is not known beforehand: an answer's body as it comes, a
// text that is written piece by piece. Grows by doubling; the bytes of each smaller one are wiped
// with it. Not thread safe.
class SecretBuffer {
 public:
  void Append(std::span<const std::byte> bytes);
  void Append(std::string_view text);

  // Replaces bytes that were appended before: a length that is known only behind what it counts.
  // `offset` + `bytes` within size().
  void Overwrite(std::size_t offset, std::span<const std::byte> bytes);

  // Makes room for `size` bytes in all, so that nothing is copied until there are more.
  void Reserve(std::size_t size);

  std::size_t size() const { return size_; }

  // What was appended so far; valid until the next change.
  std::string_view written() const { return bytes_.RevealText().substr(0, size_); }

  // What was appended; the buffer is empty after it.
  Secret Take();

 private:
  Secret bytes_;
  std::size_t size_ = 0;
};

}  // namespace rbdcrypt
