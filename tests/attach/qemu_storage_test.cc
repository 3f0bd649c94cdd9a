// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/qemu_storage.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "tests/fakes/fake_subprocess.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::FakeSubprocess;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct World {
  TempDir runtime;
  FakeSubprocess programs;
  Result<std::unique_ptr<QemuStorage>> storage =
      QemuStorage::New({.runtime_folder = runtime.path(), .daemon_cgroup = ""}, programs);
  ClusterAccess cluster{.monitors = {"10.0.0.1:6789"}, .user = "csi", .key = {}};
  AttachRequest request{.cluster = cluster,
                        .pool = "rbd",
                        .rados_namespace = "",
                        .image = "image",
                        .volume_id = "0001-volume",
                        .map_options = ""};
  AttachmentKey key{.pool = "rbd",
                    .rados_namespace = "",
                    .image = "image",
                    .volume_id = "0001-volume",
                    .unmap_options = ""};
};

TEST(QemuStorageTest, RuntimeFolderMustLeaveRoomForSockets) {
  FakeSubprocess programs;
  EXPECT_THAT(
      QemuStorage::New({.runtime_folder = std::string(33, 'x'), .daemon_cgroup = ""}, programs),
      IsOk());
  EXPECT_THAT(
      QemuStorage::New({.runtime_folder = std::string(34, 'x'), .daemon_cgroup = ""}, programs),
      StatusIs(Code::kInvalidArgument, HasSubstr("33 characters")));
}

TEST(QemuStorageTest, TakesTheOneCipherOfLibrbd) {
  World world;
  ASSERT_THAT(world.storage, IsOk());
  EXPECT_THAT((*world.storage)->SupportsCipher("aes-xts-plain64", 512), IsOk());
  EXPECT_THAT((*world.storage)->SupportsCipher("aes-xts-plain64", 4096), IsOk());
  EXPECT_THAT((*world.storage)->SupportsCipher("aes-xts-plain64", 1024),
              StatusIs(Code::kInvalidArgument));
  EXPECT_THAT((*world.storage)->SupportsCipher("serpent-xts-plain64", 512),
              StatusIs(Code::kInvalidArgument, HasSubstr("krbd")));
}

TEST(QemuStorageTest, MapOptionsAreRefusedBeforeAnythingStarts) {
  World world;
  ASSERT_THAT(world.storage, IsOk());
  world.request.map_options = "queue_depth=64";
  EXPECT_THAT((*world.storage)->Attach(Context::Background(), world.request),
              StatusIs(Code::kInvalidArgument, HasSubstr("queue_depth=64")));
  EXPECT_THAT(world.programs.CommandLines(), IsEmpty());
}

TEST(QemuStorageTest, DaemonThatDoesNotStartLeavesNoFolder) {
  World world;
  ASSERT_THAT(world.storage, IsOk());
  world.programs.Answer("qemu-storage-daemon", {.exit_code = 1, .standard_error = "no rbd driver"});
  EXPECT_THAT((*world.storage)->Attach(Context::Background(), world.request),
              StatusIs(Code::kInternal, HasSubstr("no rbd driver")));
  EXPECT_TRUE(std::filesystem::is_empty(world.runtime.path()));
}

TEST(QemuStorageTest, VolumeIsNotAttachedAsASecondImage) {
  World world;
  ASSERT_THAT(world.storage, IsOk());
  ASSERT_THAT(
      SaveQemuRecord(QemuFolder(world.runtime.path(), "0001-volume"), {.volume_id = "0001-volume",
                                                                       .pool = "rbd",
                                                                       .rados_namespace = "",
                                                                       .image = "another",
                                                                       .monitors = {},
                                                                       .user = "csi",
                                                                       .loop_device = ""}),
      IsOk());
  EXPECT_THAT((*world.storage)->Attach(Context::Background(), world.request),
              StatusIs(Code::kFailedPrecondition, HasSubstr("rbd/another")));
}

// Safety D4, E5.
TEST(QemuStorageTest, TellsWhatTheCallerMustProvideFor) {
  World world;
  ASSERT_THAT(world.storage, IsOk());
  EXPECT_TRUE((*world.storage)->GrowResizesImage());
  EXPECT_TRUE((*world.storage)->TriesEveryKeyslot());
}

TEST(QemuStorageTest, WithoutARecordNothingIsAttached) {
  World world;
  ASSERT_THAT(world.storage, IsOk());
  EXPECT_THAT((*world.storage)->Find(Context::Background(), world.key),
              IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_THAT((*world.storage)->Grow(Context::Background(), world.key, 0),
              StatusIs(Code::kNotFound));
  EXPECT_THAT((*world.storage)->Detach(Context::Background(), world.key), IsOk());
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
