// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/addons_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rbdcrypt::rotation {
namespace {

using std::chrono::hours;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(AddonsConfigTest, WithoutAConfigMapTheDefaultsCount) {
  const AddonsConfig config = ReadAddonsConfig({});
  EXPECT_EQ(config.precedence, SchedulePrecedence::kPvc);
  EXPECT_EQ(config.stagger_window, hours(2));
  EXPECT_THAT(config.warnings, IsEmpty());
}

TEST(AddonsConfigTest, PrecedenceHasAnOlderSpelling) {
  const std::pair<const char*, SchedulePrecedence> cases[] = {
      {"pvc", SchedulePrecedence::kPvc},
      {"", SchedulePrecedence::kPvc},
      {"storageclass", SchedulePrecedence::kStorageClass},
      {"sc-only", SchedulePrecedence::kStorageClass}};
  for (const auto& [text, precedence] : cases) {
    const AddonsConfig config = ReadAddonsConfig({{"schedule-precedence", text}});
    EXPECT_EQ(config.precedence, precedence) << text;
    EXPECT_THAT(config.warnings, IsEmpty()) << text;
  }
}

TEST(AddonsConfigTest, TheWindowIsHours) {
  const std::pair<const char*, hours> cases[] = {{"2", hours(2)},
                                                 {"0", hours(0)},
                                                 {"-1", hours(0)},
                                                 {"+24", hours(24)},
                                                 {"9223372036854775807", kLongestStaggerWindow}};
  for (const auto& [text, window] : cases) {
    const AddonsConfig config = ReadAddonsConfig({{"cronjob-stagger-window", text}});
    EXPECT_EQ(config.stagger_window, window) << text;
    EXPECT_THAT(config.warnings, IsEmpty()) << text;
  }
}

TEST(AddonsConfigTest, WhatIsNotUnderstoodGivesAWarning) {
  const AddonsConfig config = ReadAddonsConfig({{"schedule-precedence", "StorageClass"},
                                                {"cronjob-stagger-window", "2h"},
                                                {"max-concurrent-reconciles", "many"},
                                                {"unknown", "value"}});
  EXPECT_EQ(config.precedence, SchedulePrecedence::kPvc);
  EXPECT_EQ(config.stagger_window, hours(2));
  EXPECT_THAT(config.warnings,
              ElementsAre(AllOf(HasSubstr("schedule-precedence"), HasSubstr("\"StorageClass\"")),
                          AllOf(HasSubstr("cronjob-stagger-window"), HasSubstr("\"2h\""))));
}

}  // namespace
}  // namespace rbdcrypt::rotation
