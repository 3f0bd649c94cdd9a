// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/image_features.h"

#include <cstdint>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::csi {
namespace {

using rbdcrypt::testing::IsOkAndHolds;
using rbdcrypt::testing::StatusIs;
using ::testing::HasSubstr;

TEST(ImageFeaturesTest, NamesBecomeLibrbdsBits) {
  EXPECT_THAT(ParseImageFeatures("layering", "rbd"), IsOkAndHolds(std::uint64_t{1}));
  EXPECT_THAT(
      ParseImageFeatures("layering,exclusive-lock,object-map,fast-diff,deep-flatten", "rbd"),
      IsOkAndHolds(std::uint64_t{61}));
  EXPECT_THAT(ParseImageFeatures("journaling, exclusive-lock", "rbd-nbd"),
              IsOkAndHolds(std::uint64_t{68}));
}

TEST(ImageFeaturesTest, MissingNeedsAndUnknownNamesAreRefused) {
  const struct {
    const char* text;
    const char* mounter;
    const char* words;
  } kRows[] = {
      {"", "rbd", "no image feature"},
      {"layering,", "rbd", "no image feature"},
      {"striping", "rbd", "striping"},
      {"object-map", "rbd", "exclusive-lock"},
      {"exclusive-lock,fast-diff", "rbd", "object-map"},
      {"journaling", "rbd-nbd", "exclusive-lock"},
      {"journaling,exclusive-lock", "rbd", "rbd-nbd"},
  };

  for (const auto& row : kRows) {
    EXPECT_THAT(ParseImageFeatures(row.text, row.mounter),
                StatusIs(Code::kInvalidArgument, HasSubstr(row.words)))
        << row.text;
  }
}

}  // namespace
}  // namespace rbdcrypt::csi
