// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/attachers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_attacher.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::csi {
namespace {

using rbdcrypt::testing::FakeAttacher;
using rbdcrypt::testing::IsOkAndHolds;
using rbdcrypt::testing::StatusIs;
using ::testing::HasSubstr;

rbd::StageableVolume Encrypted() {
  rbd::StageableVolume volume;
  volume.header.emplace();
  volume.header->cipher = "serpent-xts-plain64";
  volume.header->sector_bytes = 512;
  return volume;
}

class AttachersTest : public ::testing::Test {
 protected:
  FakeAttacher krbd_{"krbd"};
  FakeAttacher qemu_{"qemu"};
  const Attachers both_{{&krbd_, &qemu_}};
  const Attachers kernel_only_{{&krbd_}};
  const Attachers qemu_is_retired_{{&krbd_}, {&qemu_}};
  NodeParameters parameters_;
};

TEST_F(AttachersTest, TheFirstIsPreferred) {
  EXPECT_THAT(both_.Preferred(parameters_), IsOkAndHolds(&krbd_));
}

TEST_F(AttachersTest, RbdNbdMeansUserSpace) {
  parameters_.mounter = "rbd-nbd";
  EXPECT_THAT(both_.Preferred(parameters_), IsOkAndHolds(&qemu_));
  EXPECT_THAT(kernel_only_.Preferred(parameters_),
              StatusIs(Code::kFailedPrecondition, HasSubstr("mounter")));
}

TEST_F(AttachersTest, AnotherIsTriedOnlyIfAllowed) {
  krbd_.RefuseCipher("serpent-xts-plain64");
  EXPECT_THAT(both_.Choose(parameters_, Encrypted()), StatusIs(Code::kInvalidArgument));
  parameters_.may_try_other_mounters = true;
  EXPECT_THAT(both_.Choose(parameters_, Encrypted()), IsOkAndHolds(&qemu_));
  EXPECT_THAT(kernel_only_.Choose(parameters_, Encrypted()), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(kernel_only_.Choose(parameters_, rbd::StageableVolume()), IsOkAndHolds(&krbd_));
}

TEST_F(AttachersTest, ARetiredOneOnlyDetaches) {
  parameters_.mounter = "rbd-nbd";
  EXPECT_THAT(qemu_is_retired_.Preferred(parameters_), StatusIs(Code::kFailedPrecondition));
  parameters_.mounter = "rbd";
  parameters_.may_try_other_mounters = true;
  krbd_.RefuseCipher("serpent-xts-plain64");
  EXPECT_THAT(qemu_is_retired_.Choose(parameters_, Encrypted()), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(qemu_is_retired_.Named("qemu"), IsOkAndHolds(&qemu_));
}

TEST_F(AttachersTest, ARecordsAttacherMustBeThere) {
  EXPECT_THAT(both_.Named("qemu"), IsOkAndHolds(&qemu_));
  EXPECT_THAT(kernel_only_.Named("qemu"), StatusIs(Code::kFailedPrecondition, HasSubstr("qemu")));
}

TEST_F(AttachersTest, HolderIsWhoFindsIt) {
  const rbd::attach::AttachmentKey key = {.pool = "rbd",
                                          .rados_namespace = "",
                                          .image = "i",
                                          .volume_id = "v",
                                          .encrypted = true,
                                          .unmap_options = ""};
  EXPECT_THAT(both_.Holder(Context::Background(), key), IsOkAndHolds(nullptr));
  const rbd::attach::ClusterAccess access{.monitors = {}, .user = "csi", .key = Secret("k")};
  ASSERT_TRUE(qemu_
                  .Attach(Context::Background(), {.cluster = access,
                                                  .pool = "rbd",
                                                  .rados_namespace = "",
                                                  .image = "i",
                                                  .volume_id = "v",
                                                  .map_options = ""})
                  .ok());
  EXPECT_THAT(both_.Holder(Context::Background(), key), IsOkAndHolds(&qemu_));
}

}  // namespace
}  // namespace rbdcrypt::csi
