// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/sizes.h"

#include <cstdint>
#include <limits>
#include <optional>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::csi {
namespace {

using rbdcrypt::testing::IsOk;
using rbdcrypt::testing::IsOkAndHolds;
using rbdcrypt::testing::StatusIs;

constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kGiB = 1 << 30;
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

TEST(SizesTest, RoundsAsCephCsiDoes) {
  const struct {
    CapacityRange range;
    std::int64_t expected;
  } kRows[] = {
      {{0, 0}, kGiB},
      {{1, 0}, kMiB},
      {{kMiB, 0}, kMiB},
      {{kMiB + 1, 0}, 2 * kMiB},
      {{kGiB - 1, 0}, kGiB},
      {{kGiB, 0}, kGiB},
      {{kGiB + 1, 0}, 2 * kGiB},
      {{10 * kGiB, 10 * kGiB}, 10 * kGiB},
      // A limit keeps what it can.
      {{0, 512 * kMiB}, 512 * kMiB},
      {{0, 5 * kGiB}, kGiB},
      {{kGiB + kMiB, kGiB + 2 * kMiB}, kGiB + kMiB},
      {{kGiB + 1, kGiB + kMiB}, kGiB + kMiB},
  };

  for (const auto& row : kRows) {
    EXPECT_THAT(VolumeSizeBytes(row.range), IsOkAndHolds(static_cast<std::uint64_t>(row.expected)))
        << row.range.required_bytes << " to " << row.range.limit_bytes;
  }
}

TEST(SizesTest, RefusesWhatCannotBe) {
  const struct {
    CapacityRange range;
    Code code;
  } kRows[] = {
      {{-1, 0}, Code::kInvalidArgument},     {{0, -1}, Code::kInvalidArgument},
      {{2 * kGiB, kGiB}, Code::kOutOfRange}, {{kMiB + 1, kMiB + 2}, Code::kOutOfRange},
      {{0, kMiB - 1}, Code::kOutOfRange},    {{kMax, 0}, Code::kOutOfRange},
      {{kMax, kMax}, Code::kOutOfRange},     {{kMax - kMiB / 2, kMax}, Code::kOutOfRange},
  };

  for (const auto& row : kRows) {
    EXPECT_THAT(VolumeSizeBytes(row.range), StatusIs(row.code))
        << row.range.required_bytes << " to " << row.range.limit_bytes;
  }
}

TEST(SizesTest, EncryptedVolumeHasRoomBehindItsHeader) {
  EXPECT_THAT(CheckEncryptedSize(16 * kMiB), StatusIs(Code::kOutOfRange));
  EXPECT_THAT(CheckEncryptedSize(17 * kMiB), IsOk());
}

}  // namespace
}  // namespace rbdcrypt::csi
