// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/volume_location.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/rbd/volume_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::VolumeWorld;
using ::testing::HasSubstr;

// Safety A4: a volume whose journal cannot be found is not one that is gone.
TEST(VolumeLocationTest, VolumeWhoseJournalPoolIsGoneIsNotTakenForDeleted) {
  VolumeWorld world;
  const auto driver = world.StartDriver("controller");
  CreateVolumeSpec spec = VolumeWorld::Spec("store");
  spec.journal_pool = "other";
  ASSERT_OK_AND_ASSIGN(const CreatedVolume volume, driver->Create(spec));
  world.ceph.RemovePool(2);
  EXPECT_THAT(driver->Delete(volume.volume_id),
              StatusIs(Code::kFailedPrecondition, HasSubstr("pool 2")));
  EXPECT_THAT(world.ceph.Admin().images().Open(volume.image_name, OpenMode::kReadOnly), IsOk());
}

}  // namespace
}  // namespace rbdcrypt::rbd
