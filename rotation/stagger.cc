// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/stagger.h"

#include <algorithm>

namespace rbdcrypt::rotation {
namespace {

constexpr std::uint32_t kOffsetBasis = 0x811c9dc5;
constexpr std::uint32_t kPrime = 0x01000193;

}  // namespace

std::uint32_t Fnv1a32(std::string_view text) {
  std::uint32_t hash = kOffsetBasis;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  }
  return hash;
}

std::chrono::seconds StaggerOffset(std::string_view uid,
                                   std::chrono::seconds window,
                                   std::chrono::seconds interval) {
  const std::chrono::seconds spread = std::min(window, interval);
  return spread.count() <= 0 ? std::chrono::seconds(0)
                             : std::chrono::seconds(Fnv1a32(uid) % spread.count());
}

}  // namespace rbdcrypt::rotation
