// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/curl_memory.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include <curl/curl.h>
#include <openssl/crypto.h>

#include "base/status.h"

namespace rbdcrypt::net {
namespace {

// Stands before each block, and keeps it as aligned as malloc does.
struct alignas(std::max_align_t) Prefix {
  std::size_t size;
};

void (*wiped_block_observer)(const void* block, std::size_t size) = nullptr;

Prefix* PrefixOf(void* block) {
  return static_cast<Prefix*>(block) - 1;
}

}  // namespace

void InitCurl() {
  static std::once_flag once;
  std::call_once(once, [] {
    RBDCRYPT_CHECK(curl_global_init_mem(CURL_GLOBAL_DEFAULT, WipingMalloc, WipingFree,
                                        WipingRealloc, WipingStrdup, WipingCalloc) == CURLE_OK);
  });
}

void* WipingMalloc(std::size_t size) {
  if (size > SIZE_MAX - sizeof(Prefix)) {
    return nullptr;
  }
  auto* const prefix = static_cast<Prefix*>(std::malloc(sizeof(Prefix) + size));
  if (prefix == nullptr) {
    return nullptr;
  }
  prefix->size = size;
  return prefix + 1;
}

void* WipingCalloc(std::size_t count, std::size_t size) {
  if (size != 0 && count > SIZE_MAX / size) {
    return nullptr;
  }
  void* const block = WipingMalloc(count * size);
  if (block != nullptr) {
    std::memset(block, 0, count * size);
  }
  return block;
}

void* WipingRealloc(void* block, std::size_t size) {
  if (block == nullptr) {
    return WipingMalloc(size);
  }
  void* const moved = WipingMalloc(size);
  if (moved != nullptr) {
    std::memcpy(moved, block, std::min(size, PrefixOf(block)->size));
    WipingFree(block);
  }
  return moved;
}

char* WipingStrdup(const char* text) {
  const std::size_t size = std::strlen(text) + 1;
  void* const copy = WipingMalloc(size);
  if (copy != nullptr) {
    std::memcpy(copy, text, size);
  }
  return static_cast<char*>(copy);
}

void WipingFree(void* block) {
  if (block == nullptr) {
    return;
  }
  Prefix* const prefix = PrefixOf(block);
  OPENSSL_cleanse(block, prefix->size);
  if (wiped_block_observer != nullptr) {
    wiped_block_observer(block, prefix->size);
  }
  std::free(prefix);
}

void ObserveWipedBlocksForTest(void (*observer)(const void* block, std::size_t size)) {
  wiped_block_observer = observer;
}

}  // namespace rbdcrypt::net
