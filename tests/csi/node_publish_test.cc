// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/node_publish.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "tests/fakes/fake_host.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::csi {
namespace {

using rbdcrypt::testing::FakeHost;
using rbdcrypt::testing::IsOk;
using rbdcrypt::testing::StatusIs;
using rbdcrypt::testing::TempDir;
using ::testing::Contains;
using ::testing::HasSubstr;

// A volume "v" that is staged in a folder of its own.
class NodePublishTest : public ::testing::Test {
 protected:
  void StageFilesystem() {
    std::filesystem::create_directories(dir_.File("stage/v"));
    host_.SetFilesystem("/dev/x", "ext4");
    ASSERT_THAT(
        host_.Mount(
            context_,
            {.device = "/dev/x", .target = dir_.File("stage/v"), .fs_type = "ext4", .options = {}}),
        IsOk());
  }

  void StageBlock() {
    dir_.Write("stage/v", "");
    ASSERT_THAT(
        host_.Bind(context_, {.source = "/dev/x", .target = dir_.File("stage/v"), .options = {}}),
        IsOk());
  }

  PublishOrder Order(const std::string& target,
                     AccessMode mode = AccessMode::kSingleNodeMultiWriter) {
    PublishOrder order;
    order.volume_id = "v";
    order.staging_path = dir_.File("stage");
    order.target_path = dir_.File(target);
    order.access.mode = mode;
    return order;
  }

  const Context context_ = Context::Background();
  TempDir dir_;
  FakeHost host_;
  NodePublish publish_{host_};
};

TEST_F(NodePublishTest, BindsTheStagedDirectory) {
  StageFilesystem();
  PublishOrder order = Order("target");
  order.access.mount_flags = {"noexec"};
  ASSERT_THAT(publish_.Publish(context_, order), IsOk());
  EXPECT_THAT(host_.effects(), Contains(Cat("bind ", dir_.File("stage/v"), " ", dir_.File("target"),
                                            " _netdev,noexec")));
  ASSERT_THAT(publish_.Unpublish(context_, dir_.File("target")), IsOk());
  EXPECT_FALSE(std::filesystem::exists(dir_.File("target")));
  EXPECT_THAT(publish_.Unpublish(context_, dir_.File("target")), IsOk());
}

TEST_F(NodePublishTest, BindsTheStagedDeviceOverAFile) {
  StageBlock();
  PublishOrder order = Order("target");
  order.access.is_block = true;
  ASSERT_THAT(publish_.Publish(context_, order), IsOk());
  EXPECT_TRUE(std::filesystem::is_regular_file(dir_.File("target")));
  ASSERT_THAT(publish_.Unpublish(context_, dir_.File("target")), IsOk());
  EXPECT_FALSE(std::filesystem::exists(dir_.File("target")));
}

TEST_F(NodePublishTest, NotStagedIsRefusedAndNothingIsMade) {
  EXPECT_THAT(publish_.Publish(context_, Order("target")),
              StatusIs(Code::kFailedPrecondition, HasSubstr("not staged")));
  PublishOrder nowhere = Order("target");
  nowhere.staging_path.clear();
  EXPECT_THAT(publish_.Publish(context_, nowhere), StatusIs(Code::kFailedPrecondition));
  EXPECT_FALSE(std::filesystem::exists(dir_.File("target")));
}

TEST_F(NodePublishTest, TheOtherAccessTypeIsRefused) {
  StageFilesystem();
  PublishOrder order = Order("target");
  order.access.is_block = true;
  EXPECT_THAT(publish_.Publish(context_, order),
              StatusIs(Code::kFailedPrecondition, HasSubstr("staged as mount")));
}

// CSI 1.12's matrix, with kubelets that know no mode but SINGLE_NODE_WRITER let in.
TEST_F(NodePublishTest, SecondPublish) {
  const struct {
    AccessMode mode;
    Code other_target;
  } kRows[] = {
      {AccessMode::kSingleNodeMultiWriter, Code::kOk},
      {AccessMode::kSingleNodeWriter, Code::kOk},
      {AccessMode::kSingleNodeSingleWriter, Code::kFailedPrecondition},
  };

  StageFilesystem();
  for (const auto& row : kRows) {
    ASSERT_THAT(publish_.Publish(context_, Order("one", row.mode)), IsOk());
    EXPECT_THAT(publish_.Publish(context_, Order("one", row.mode)), IsOk());
    PublishOrder read_only = Order("one", row.mode);
    read_only.is_read_only = true;
    EXPECT_THAT(publish_.Publish(context_, read_only), StatusIs(Code::kAlreadyExists));
    EXPECT_THAT(publish_.Publish(context_, Order("two", row.mode)), StatusIs(row.other_target))
        << ModeName(row.mode);
    ASSERT_THAT(publish_.Unpublish(context_, dir_.File("two")), IsOk());
    ASSERT_THAT(publish_.Unpublish(context_, dir_.File("one")), IsOk());
  }
}

TEST_F(NodePublishTest, ReadOnlyIsAskedForInEitherWay) {
  StageFilesystem();
  PublishOrder flagged = Order("flagged");
  flagged.is_read_only = true;
  ASSERT_THAT(publish_.Publish(context_, flagged), IsOk());
  EXPECT_THAT(host_.effects().back(), HasSubstr(",ro"));
  ASSERT_THAT(publish_.Publish(context_, Order("moded", AccessMode::kMultiNodeReaderOnly)), IsOk());
  EXPECT_THAT(host_.effects().back(), HasSubstr(",ro"));
  ASSERT_THAT(publish_.Publish(context_, Order("moded", AccessMode::kMultiNodeReaderOnly)), IsOk());
}

TEST_F(NodePublishTest, SomethingElseAtTheTargetStays) {
  StageFilesystem();
  std::filesystem::create_directory(dir_.File("target"));
  host_.SetFilesystem("/dev/y", "xfs");
  ASSERT_THAT(
      host_.Mount(
          context_,
          {.device = "/dev/y", .target = dir_.File("target"), .fs_type = "xfs", .options = {}}),
      IsOk());
  EXPECT_THAT(publish_.Publish(context_, Order("target")),
              StatusIs(Code::kAlreadyExists, HasSubstr("something else")));
}

TEST_F(NodePublishTest, FailedBindRemovesWhatThisCallMade) {
  StageFilesystem();
  host_.FailOnce("bind", Internal("no"));
  EXPECT_THAT(publish_.Publish(context_, Order("target")), StatusIs(Code::kInternal));
  EXPECT_FALSE(std::filesystem::exists(dir_.File("target")));

  std::filesystem::create_directory(dir_.File("target"));
  host_.FailOnce("bind", Internal("no"));
  EXPECT_THAT(publish_.Publish(context_, Order("target")), StatusIs(Code::kInternal));
  EXPECT_TRUE(std::filesystem::exists(dir_.File("target")));
}

TEST_F(NodePublishTest, UnpublishNeverRemovesContent) {
  dir_.Write("target/data", "precious");
  EXPECT_THAT(publish_.Unpublish(context_, dir_.File("target")),
              StatusIs(Code::kFailedPrecondition));
  EXPECT_EQ(dir_.Read("target/data"), "precious");
}

TEST_F(NodePublishTest, LinkedFoldersLeadToTheSameTarget) {
  StageFilesystem();
  std::filesystem::create_directory(dir_.File("pods"));
  std::filesystem::create_directory_symlink(dir_.File("pods"), dir_.File("link"));
  ASSERT_THAT(publish_.Publish(context_, Order("link/target", AccessMode::kSingleNodeSingleWriter)),
              IsOk());
  EXPECT_THAT(publish_.Publish(context_, Order("pods/target", AccessMode::kSingleNodeSingleWriter)),
              IsOk());
  ASSERT_THAT(publish_.Unpublish(context_, dir_.File("link/target")), IsOk());
  EXPECT_EQ(host_.MountPoints().size(), 1U);
}

}  // namespace
}  // namespace rbdcrypt::csi
