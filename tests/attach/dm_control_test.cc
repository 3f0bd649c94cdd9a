// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/dm_control.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

// What a kernel that has device mapper does is in krbd_real_test.cc.
namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::testing::HasSubstr;

TEST(DmControlTest, WithoutADeviceMapperNothingIsUnfinished) {
  const TempDir folder;
  EXPECT_THAT(RemoveUnfinishedDmDevice("luks-rbd-x", folder.File("control")), IsOk());
}

TEST(DmControlTest, NameThatTheKernelCannotHaveIsNotAskedFor) {
  const TempDir folder;
  EXPECT_THAT(RemoveUnfinishedDmDevice(std::string(128, 'x'), folder.path()), IsOk());
}

// Safety A4: a name that is taken would be reported as free.
TEST(DmControlTest, KernelThatCannotBeAskedIsNoAbsence) {
  const TempDir folder;
  EXPECT_THAT(RemoveUnfinishedDmDevice("luks-rbd-x", folder.path()),
              StatusIs(Code::kUnavailable, HasSubstr("open")));
  EXPECT_THAT(RemoveUnfinishedDmDevice("luks-rbd-x", folder.Write("control", "")),
              StatusIs(Code::kUnavailable, HasSubstr("luks-rbd-x")));
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
