// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/loop_device.h"

#include <gtest/gtest.h>

#include "tests/attach/no_more_files.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::WithoutFiles;
using ::testing::Not;

constexpr char kNone[] = "/dev/rbdcrypt-no-such-loop";

// Safety A4: what cannot be opened is neither free nor unused nor flushed. (What devices really do
// is in devices_test.cc.)
TEST(LoopDeviceTest, OnlyADeviceThatIsGoneIsFree) {
  const Context context = Context::Background();
  EXPECT_THAT(ReleaseLoop(context, kNone), IsOk());
  EXPECT_THAT(CheckLoopUnused(context, kNone), IsOk());
  EXPECT_THAT(WithoutFiles([&] { return ReleaseLoop(context, kNone); }), Not(IsOk()));
  EXPECT_THAT(WithoutFiles([&] { return CheckLoopUnused(context, kNone); }), Not(IsOk()));
  EXPECT_THAT(WithoutFiles([&] { return FindLoop({}); }), Not(IsOk()));
  const Status flushed = WithoutFiles([] { return FlushDevice(kNone); });
  EXPECT_THAT(flushed, Not(IsOk()));
  EXPECT_NE(flushed.code(), Code::kDataLoss);
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
