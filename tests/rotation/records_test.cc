// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/records.h"

#include <chrono>
#include <memory>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rbd/names.h"
#include "tests/fakes/fake_cluster.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rotation {
namespace {

using ::rbdcrypt::testing::FakeCeph;
using ::rbdcrypt::testing::FakeClock;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using std::chrono::seconds;

class RecordsTest : public ::testing::Test {
 protected:
  void SetUp() override { image_ = MakeImage("one"); }

  std::unique_ptr<rbd::Image> MakeImage(const char* name) {
    EXPECT_THAT(ceph_.Admin().images().Create(name, {.size_bytes = 4096}), IsOk());
    return *ceph_.Admin().images().Open(name, rbd::OpenMode::kReadWrite);
  }

  void Set(const char* key, std::string_view value) {
    ASSERT_THAT(image_->SetMetadata(key, value), IsOk());
  }

  FakeClock clock_;
  FakeCeph ceph_{clock_};
  std::unique_ptr<rbd::Image> image_;
};

TEST_F(RecordsTest, BegunRotationIsThereUntilItsEnd) {
  Records records(*image_);
  EXPECT_FALSE(records.Begun()->has_value());
  ASSERT_THAT(records.Begin({.fingerprint = "abc", .made_at = seconds(1767000000)}), IsOk());
  const auto begun = records.Begun();
  ASSERT_TRUE(begun.ok() && begun->has_value());
  EXPECT_EQ((*begun)->fingerprint, "abc");
  EXPECT_EQ((*begun)->made_at, seconds(1767000000));
  ASSERT_THAT(records.End(), IsOk());
  EXPECT_FALSE(records.Begun()->has_value());
}

// RBD copies the metadata of an image into its clones.
TEST_F(RecordsTest, RecordOfAnotherImageIsNone) {
  ASSERT_THAT(Records(*image_).Begin({.fingerprint = "abc", .made_at = seconds(1)}), IsOk());
  const auto clone = MakeImage("clone");
  ASSERT_THAT(clone->SetAllMetadata(*image_->ListMetadata()), IsOk());
  EXPECT_FALSE(Records(*clone).Begun()->has_value());
}

TEST_F(RecordsTest, RecordThatCannotBeReadIsNone) {
  for (const char* text : {"1", "x y z", "1 2 3 4", " "}) {
    Set(rbd::kMetaRotation, text);
    const auto begun = Records(*image_).Begun();
    ASSERT_THAT(begun, IsOk()) << text;
    EXPECT_FALSE(begun->has_value()) << text;
  }
}

TEST_F(RecordsTest, UnexplainedKeyslotAgesFromItsFirstSight) {
  Records records(*image_);
  EXPECT_THAT(records.UnexplainedFor("abc", seconds(1000)), IsOkAndHolds(seconds(0)));
  EXPECT_THAT(records.UnexplainedFor("abc", seconds(1900)), IsOkAndHolds(seconds(900)));
  EXPECT_THAT(Records(*image_).UnexplainedFor("abc", seconds(1900)), IsOkAndHolds(seconds(900)));
  // Another one begins anew, and so does one of a clock that is ahead.
  EXPECT_THAT(records.UnexplainedFor("def", seconds(1900)), IsOkAndHolds(seconds(0)));
  EXPECT_THAT(records.UnexplainedFor("def", seconds(1000)), IsOkAndHolds(seconds(0)));
  EXPECT_THAT(records.UnexplainedFor("def", seconds(1100)), IsOkAndHolds(seconds(100)));
  ASSERT_THAT(records.End(), IsOk());
  EXPECT_THAT(records.UnexplainedFor("def", seconds(1200)), IsOkAndHolds(seconds(0)));
}

TEST_F(RecordsTest, TimesAreDecimalSeconds) {
  Records records(*image_);
  EXPECT_THAT(records.DekMadeAt(), IsOkAndHolds(std::nullopt));
  ASSERT_THAT(records.SetTimes(seconds(1767000000), seconds(1767000005)), IsOk());
  EXPECT_THAT(records.DekMadeAt(), IsOkAndHolds(seconds(1767000000)));
  EXPECT_THAT(image_->GetMetadata(rbd::kMetaDekMadeAt), IsOkAndHolds("1767000000"));
  EXPECT_THAT(image_->GetMetadata(rbd::kMetaRotatedAt), IsOkAndHolds("1767000005"));
}

}  // namespace
}  // namespace rbdcrypt::rotation
