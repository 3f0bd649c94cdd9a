// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/secret.h"

#include <algorithm>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/rand.h>

namespace rbdcrypt {
namespace {

// Room for the secrets of all calls in flight: a call holds about ten of at most 4 KiB.
constexpr std::size_t kHeapBytes = std::size_t{4} * 1024 * 1024;
constexpr std::size_t kSmallestBlockBytes = 32;

std::byte* Allocate(std::size_t size) {
  // Past its capacity, and where it was never set up, the call falls back on the ordinary heap.
  void* data = OPENSSL_secure_zalloc(size);
  if (data == nullptr) {
    data = OPENSSL_zalloc(size);
  }
  RBDCRYPT_CHECK(data != nullptr);
  return static_cast<std::byte*>(data);
}

}  // namespace

Secret::Secret(std::size_t size) : size_(size), capacity_(size) {
  if (size > 0) {
    data_ = Allocate(size);
  }
}

Secret::Secret(std::span<const std::byte> bytes) : Secret(bytes.size()) {
  std::ranges::copy(bytes, data_);
}

Secret::Secret(std::string_view text) : Secret(std::as_bytes(std::span(text))) {}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Free();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
  }
  return *this;
}

Secret::~Secret() {
  Free();
}

Secret Secret::Clone() const {
  return Secret(Reveal());
}

void Secret::Shrink(std::size_t size) {
  RBDCRYPT_CHECK(size <= size_);
  OPENSSL_cleanse(data_ + size, size_ - size);
  size_ = size;
}

void Secret::Free() {
  if (data_ == nullptr) {
    return;
  }
  // Wipes, and finds out itself which of the two heaps the block came from.
  OPENSSL_secure_clear_free(data_, capacity_);
  data_ = nullptr;
}

bool SameSecret(const Secret& left, const Secret& right) {
  return left.size() == right.size() &&
         CRYPTO_memcmp(left.Reveal().data(), right.Reveal().data(), left.size()) == 0;
}

Result<Secret> RandomSecret(std::size_t size) {
  Secret secret(size);
  auto bytes = secret.MutableBytes();
  if (RAND_priv_bytes(reinterpret_cast<unsigned char*>(bytes.data()),
                      static_cast<int>(bytes.size())) != 1) {
    return Internal("the random source failed; see OpenSSL's configuration");
  }
  return secret;
}

bool InitSecretHeap() {
  // 1: locked. 2: usable, but a part could not be locked. 0: not set up.
  return CRYPTO_secure_malloc_init(kHeapBytes, kSmallestBlockBytes) == 1;
}

}  // namespace rbdcrypt
