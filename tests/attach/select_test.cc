// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/select.h"

#include <gtest/gtest.h>

#include "tests/fakes/fake_subprocess.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::FakeSubprocess;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A node that offers what is written into it.
struct Node {
  TempDir folder;
  FakeSubprocess programs;

  Node() { programs.Answer("modprobe", {.exit_code = 1}); }

  void AddKernel() {
    folder.Write("sys/bus/rbd/add", "");
    folder.Write("sys/module/dm_crypt/version", "");
  }

  void AddQemu() {
    folder.Write("dev/fuse", "");
    folder.Write("dev/loop-control", "");
    programs.Answer("qemu-storage-daemon", {});
  }

  Result<std::vector<std::string>> Select(std::string_view configured) {
    return SelectMappers(Context::Background(), programs, configured,
                         {.sysfs_root = folder.File("sys"), .dev_root = folder.File("dev")});
  }
};

TEST(SelectTest, AutoPrefersTheKernel) {
  Node node;
  node.AddKernel();
  node.AddQemu();
  EXPECT_THAT(node.Select("auto"), IsOkAndHolds(ElementsAre("krbd", "qemu")));
  EXPECT_THAT(node.Select("krbd"), IsOkAndHolds(ElementsAre("krbd")));
  EXPECT_THAT(node.Select("qemu"), IsOkAndHolds(ElementsAre("qemu")));
}

TEST(SelectTest, ModulesThatCanBeLoadedCount) {
  Node node;
  node.programs.Answer("modprobe", {});
  EXPECT_THAT(node.Select("auto"), IsOkAndHolds(ElementsAre("krbd")));
  EXPECT_THAT(node.programs.CommandLines(),
              ElementsAre("modprobe -n -q rbd", "modprobe -n -q dm-crypt"));
}

TEST(SelectTest, KernelWithoutDmCryptIsNotEnough) {
  Node node;
  node.folder.Write("sys/bus/rbd/add", "");
  node.AddQemu();
  EXPECT_THAT(node.Select("auto"), IsOkAndHolds(ElementsAre("qemu")));
  EXPECT_THAT(node.Select("krbd"), StatusIs(Code::kFailedPrecondition, HasSubstr("dm-crypt")));
}

TEST(SelectTest, NodeWithNothingIsToldAllThatIsMissing) {
  Node node;
  EXPECT_THAT(
      node.Select("auto"),
      StatusIs(Code::kFailedPrecondition, AllOf(HasSubstr("module rbd"), HasSubstr("/dev/fuse"))));
  node.folder.Write("dev/fuse", "");
  node.folder.Write("dev/loop-control", "");
  EXPECT_THAT(node.Select("qemu"),
              StatusIs(Code::kFailedPrecondition, HasSubstr("qemu-block-extra")));
}

TEST(SelectTest, OtherWordsAreRefusedUnasked) {
  Node node;
  EXPECT_THAT(node.Select("rbd-nbd"), StatusIs(Code::kInvalidArgument, HasSubstr("auto")));
  EXPECT_THAT(node.programs.CommandLines(), IsEmpty());
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
