// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/secret_buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace rbdcrypt {
namespace {

constexpr std::size_t kSmallestBytes = 64;

}  // namespace

void SecretBuffer::Append(std::span<const std::byte> bytes) {
  if (bytes.empty()) {
    return;
  }
  if (bytes.size() > bytes_.size() - size_) {
    Reserve(std::max({size_ + bytes.size(), 2 * bytes_.size(), kSmallestBytes}));
  }
  std::memcpy(bytes_.MutableBytes().data() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
}

void SecretBuffer::Append(std::string_view text) {
  Append(std::as_bytes(std::span(text)));
}

void SecretBuffer::Overwrite(std::size_t offset, std::span<const std::byte> bytes) {
  RBDCRYPT_CHECK(offset <= size_ && bytes.size() <= size_ - offset);
  std::ranges::copy(bytes, bytes_.MutableBytes().subspan(offset).begin());
}

void SecretBuffer::Reserve(std::size_t size) {
  if (size <= bytes_.size()) {
    return;
  }
  Secret larger(size);
  if (size_ > 0) {
    std::memcpy(larger.MutableBytes().data(), bytes_.Reveal().data(), size_);
  }
  bytes_ = std::move(larger);
}

Secret SecretBuffer::Take() {
  Secret taken = std::exchange(bytes_, Secret());
  if (!taken.empty()) {
    taken.Shrink(std::exchange(size_, 0));
  }
  return taken;
}

}  // namespace rbdcrypt
