// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

#include <openssl/rand.h>

#include "base/handle.h"
#include "base/secret.h"

namespace rbdcrypt::net {

// Random letters that stand nowhere in memory but masked, until Reveal() is called, so that a test
// can look through all of its own memory for copies that were left behind.
class MaskedSecret {
 public:
  MaskedSecret() {
    RAND_bytes(bytes_.data(), static_cast<int>(bytes_.size()));
    for (std::uint8_t& byte : bytes_) {
      byte = static_cast<std::uint8_t>(('a' + byte % 26) ^ kMask);
    }
  }

  // What the server makes of it for its answer: each letter's other case.
  MaskedSecret InUpperCase() const {
    MaskedSecret other = *this;
    for (std::uint8_t& byte : other.bytes_) {
      byte ^= 0x20;
    }
    return other;
  }

  Secret Reveal() const {
    Secret secret(bytes_.size());
    std::transform(bytes_.begin(), bytes_.end(), secret.MutableBytes().begin(),
                   [](std::uint8_t byte) { return static_cast<std::byte>(byte ^ kMask); });
    return secret;
  }

  // How often it stands from `begin` to `end`, or its first half does: what is wiped in part was
  // not wiped.
  __attribute__((no_sanitize("address", "thread", "undefined"))) int CountIn(
      const volatile std::uint8_t* begin, const volatile std::uint8_t* end) const {
    const std::size_t length = bytes_.size() / 2;
    int count = 0;
    for (const volatile std::uint8_t* at = begin; at + length <= end; ++at) {
      std::size_t same = 0;
      while (same < length && (at[same] ^ kMask) == bytes_.data()[same]) {
        ++same;
      }
      count += same == length;
    }
    return count;
  }

  // How often it stands in the writable memory of this process. Larger mappings than any of ours
  // are those of sanitizers.
  int CountInMemory() const {
    constexpr std::uintptr_t kLargestBytes = std::uintptr_t{128} << 20;
    const CHandle<std::FILE, std::fclose> maps(std::fopen("/proc/self/maps", "re"));
    int count = 0;
    std::array<char, 512> line;
    while (std::fgets(line.data(), line.size(), maps.get()) != nullptr) {
      std::uintptr_t begin = 0;
      std::uintptr_t end = 0;
      std::array<char, 5> mode = {};
      const int fields = std::sscanf(line.data(), "%lx-%lx %4s", &begin, &end, mode.data());
      if (fields == 3 && mode[0] == 'r' && mode[1] == 'w' && end - begin <= kLargestBytes) {
        count += CountIn(reinterpret_cast<const volatile std::uint8_t*>(begin),
                         reinterpret_cast<const volatile std::uint8_t*>(end));
      }
    }
    return count;
  }

 private:
  static constexpr std::uint8_t kMask = 0x80;

  std::array<std::uint8_t, 24> bytes_;
};

}  // namespace rbdcrypt::net
