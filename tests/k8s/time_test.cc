// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/time.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rbdcrypt::k8s {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

// date -u -d 2026-01-31T12:34:56Z +%s
constexpr WallTime kTime{seconds(1769862896)};

TEST(TimeTest, TimesAreWrittenAsTheApiServerDoes) {
  EXPECT_EQ(FormatTime(kTime + microseconds(999999)), "2026-01-31T12:34:56Z");
  EXPECT_EQ(FormatMicroTime(kTime), "2026-01-31T12:34:56.000000Z");
  EXPECT_EQ(FormatMicroTime(kTime + microseconds(1234)), "2026-01-31T12:34:56.001234Z");
}

TEST(TimeTest, EveryRfc3339FormIsRead) {
  EXPECT_EQ(ParseTime("2026-01-31T12:34:56Z"), kTime);
  EXPECT_EQ(ParseTime("2026-01-31t12:34:56z"), kTime);
  EXPECT_EQ(ParseTime("2026-01-31T14:34:56+02:00"), kTime);
  EXPECT_EQ(ParseTime("2026-01-31T02:04:56-10:30"), kTime);
  EXPECT_EQ(ParseTime("2026-01-31T12:34:56.001234Z"), kTime + microseconds(1234));
  EXPECT_EQ(ParseTime("2026-01-31T12:34:56.5000000000001Z"), kTime + microseconds(500000));
  EXPECT_EQ(ParseTime("1970-01-01T00:00:00Z"), WallTime());
}

TEST(TimeTest, WhatIsWrittenIsReadBack) {
  const WallTime time = kTime + microseconds(123456);
  EXPECT_EQ(ParseTime(FormatMicroTime(time)), time);
}

TEST(TimeTest, AnythingElseIsNoTime) {
  for (const char* text :
       {"", "2026-01-31", "2026-01-31T12:34:56", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-01-31T24:00:00Z", "2026-01-31T12:34:56.Z", "2026-01-31T12:34:56Zx",
        "2026-01-31T12:34:56+0200", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
        " 2026-01-31T12:34:56Z", "2026-1-31T12:34:56Z", "+026-01-31T12:34:56Z"}) {
    EXPECT_FALSE(ParseTime(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace rbdcrypt::k8s
