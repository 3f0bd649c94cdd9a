// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/mount_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rbdcrypt::csi {
namespace {

using ::testing::ElementsAre;

TEST(MountOptionsTest, EachFileSystemHasItsOwn) {
  const VolumeAccess access;
  EXPECT_THAT(StageMountOptions("ext4", access), ElementsAre("_netdev", "errors=remount-ro"));
  EXPECT_THAT(StageMountOptions("xfs", access), ElementsAre("nouuid", "_netdev"));
}

TEST(MountOptionsTest, FlagsAreSplitAndReadOnlyComesLast) {
  VolumeAccess access;
  access.mount_flags = {"noatime,rw", "errors=continue"};
  access.mode = AccessMode::kMultiNodeReaderOnly;
  EXPECT_THAT(StageMountOptions("ext4", access),
              ElementsAre("_netdev", "noatime", "rw", "errors=continue", "ro"));
}

TEST(MountOptionsTest, PublishingTakesTheFlagsAndReadOnlyWhereAsked) {
  VolumeAccess access;
  access.mount_flags = {"noexec"};
  EXPECT_THAT(PublishMountOptions(access, false), ElementsAre("_netdev", "noexec"));
  EXPECT_THAT(PublishMountOptions(access, true), ElementsAre("_netdev", "noexec", "ro"));
}

}  // namespace
}  // namespace rbdcrypt::csi
