// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/kdf_limits.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd::luks {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

Keyslot SlotWith(const std::string& type, std::uint64_t cost, std::uint64_t memory_kib) {
  Keyslot slot;
  slot.number = 1;
  slot.kdf = {.type = type, .cost = cost, .memory_kib = memory_kib, .cpus = 4};
  return slot;
}

TEST(KdfLimitsTest, WhatToolsChooseIsTried) {
  EXPECT_THAT(CheckKdfCost(SlotWith("pbkdf2", 1000, 0)), IsOk());
  EXPECT_THAT(CheckKdfCost(SlotWith("pbkdf2", 6'000'000, 0)), IsOk());
  EXPECT_THAT(CheckKdfCost(SlotWith("argon2id", 4, 1 << 20)), IsOk());
  EXPECT_THAT(CheckKdfCost(SlotWith("argon2i", 10, 4 << 20)), IsOk());
  EXPECT_THAT(CheckKdfCost(SlotWith("argon2id", 100, 32 << 10)), IsOk());
}

TEST(KdfLimitsTest, WhatWouldTakeHoursIsNot) {
  for (const Keyslot& slot :
       {SlotWith("pbkdf2", 4294967295, 0), SlotWith("argon2id", 4294967295, 32),
        SlotWith("argon2id", 65, 1 << 20), SlotWith("argon2id", 1000, 4294967295)}) {
    EXPECT_THAT(CheckKdfCost(slot), StatusIs(Code::kFailedPrecondition, HasSubstr("keyslot 1")));
  }
}

}  // namespace
}  // namespace rbdcrypt::rbd::luks
