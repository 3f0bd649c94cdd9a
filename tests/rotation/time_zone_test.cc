// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/time_zone.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::rotation {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using ::testing::HasSubstr;
using testing::StatusIs;
using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): 2025y/1/1

TEST(TimeZoneTest, ClocksArePutForwardAndBack) {
  ASSERT_OK_AND_ASSIGN(const TimeZone berlin, TimeZone::Load("Europe/Berlin"));
  const sys_seconds spring = sys_days(2025y / 3 / 30) + hours(1);
  const sys_seconds autumn = sys_days(2025y / 10 / 26) + hours(1);
  EXPECT_EQ(berlin.PeriodAt(spring - seconds(1)).offset, hours(1));
  EXPECT_EQ(berlin.PeriodAt(spring - seconds(1)).end, spring);
  EXPECT_EQ(berlin.PeriodAt(spring).offset, hours(2));
  EXPECT_EQ(berlin.PeriodAt(spring).end, autumn);
  EXPECT_EQ(berlin.PeriodAt(autumn).offset, hours(1));
}

TEST(TimeZoneTest, AnOffsetNeedNotBeWholeHours) {
  ASSERT_OK_AND_ASSIGN(const TimeZone kathmandu, TimeZone::Load("Asia/Kathmandu"));
  EXPECT_EQ(kathmandu.PeriodAt(sys_days(2025y / 1 / 1)).offset, hours(5) + minutes(45));
  EXPECT_EQ(kathmandu.PeriodAt(sys_days(2025y / 1 / 1)).end, sys_seconds::max());
}

TEST(TimeZoneTest, UtcHasThreeNamesAndNoChanges) {
  for (const char* name : {"", "UTC", "Local"}) {
    ASSERT_OK_AND_ASSIGN(const TimeZone utc, TimeZone::Load(name));
    EXPECT_EQ(utc.PeriodAt(sys_days(2025y / 7 / 1)).offset, seconds(0));
    EXPECT_EQ(utc.PeriodAt(sys_days(2025y / 7 / 1)).end, sys_seconds::max());
  }
}

TEST(TimeZoneTest, NothingElseThanAZoneIsLoaded) {
  for (const char* name : {"Europe/Nowhere", "europe/berlin", "/usr/share/zoneinfo/UTC",
                           "../zoneinfo/UTC", "file:/usr/share/zoneinfo/UTC", "libc:localtime",
                           "Fixed/UTC+01:00:00", "zone.tab", "Europe", "Europe/", " UTC", "UTC "}) {
    EXPECT_THAT(TimeZone::Load(name), StatusIs(Code::kInvalidArgument, HasSubstr(name))) << name;
  }
}

}  // namespace
}  // namespace rbdcrypt::rotation
