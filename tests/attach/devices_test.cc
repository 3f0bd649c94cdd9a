// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include <chrono>
#include <cstring>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/handle.h"
#include "base/subprocess.h"
#include "rbd/attach/block_device.h"
#include "rbd/attach/filesystem.h"
#include "rbd/attach/loop_device.h"
#include "rbd/attach/mount.h"
#include "rbd/attach/mount_table.h"
#include "rbd/attach/qemu_daemon.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::testing::Eq;
using ::testing::HasSubstr;

constexpr off_t kBytes = off_t{400} << 20;
constexpr char kTag[] = "rbdcrypt-devices-test";

// A loop device over a sparse file, released at the end.
class DevicesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (getuid() != 0 || access("/dev/loop-control", R_OK | W_OK) != 0) {
      GTEST_SKIP() << "needs root and /dev/loop-control";
    }
    file_ = folder_.Write("disk", "");
    ASSERT_EQ(truncate(file_.c_str(), kBytes), 0);
  }

  void TearDown() override {
    if (!device_.empty()) {
      EXPECT_THAT(ReleaseLoop(Soon(), device_), IsOk());
      EXPECT_THAT(FindLoop(identity_), IsOkAndHolds(Eq(std::nullopt)));
    }
  }

  void Configure(bool read_only = false) {
    const UniqueFd fd(open(file_.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC));
    ASSERT_OK_AND_ASSIGN(device_,
                         ConfigureLoop(Soon(), fd.get(), {.tag = kTag, .read_only = read_only}));
  }

  static Context Soon() { return Context::Background().WithTimeout(std::chrono::seconds(60)); }

  TempDir folder_;
  TempDir target_;
  std::string file_;
  std::string device_;
  LoopIdentity identity_{.tag = kTag, .backing_path = "", .recorded_device = ""};
  Filesystem filesystem_{SystemSubprocess()};
};

TEST_F(DevicesTest, LoopIsFoundByItsTagAndGrowsWithItsFile) {
  Configure();
  ASSERT_OK_AND_ASSIGN(const auto found, FindLoop(identity_));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->path, device_);
  EXPECT_TRUE(found->is_alive);
  EXPECT_FALSE(found->read_only);
  EXPECT_THAT(DeviceSize(device_), IsOkAndHolds(static_cast<std::uint64_t>(kBytes)));
  ASSERT_EQ(truncate(file_.c_str(), 2 * kBytes), 0);
  EXPECT_THAT(GrowLoop(Soon(), device_, 2 * kBytes), IsOk());
  EXPECT_THAT(DeviceSize(device_), IsOkAndHolds(static_cast<std::uint64_t>(2 * kBytes)));
}

TEST_F(DevicesTest, ReadOnlyLoopSaysSo) {
  Configure(/*read_only=*/true);
  ASSERT_OK_AND_ASSIGN(const auto found, FindLoop(identity_));
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->read_only);
}

TEST_F(DevicesTest, FileSystemsAreMadeProbedMountedAndShown) {
  for (const std::string type : {"ext4", "xfs"}) {
    SCOPED_TRACE(type);
    ASSERT_EQ(truncate(file_.c_str(), 0), 0);
    ASSERT_EQ(truncate(file_.c_str(), kBytes), 0);
    Configure();
    ASSERT_OK_AND_ASSIGN(const auto before, ProbeDevice(device_));
    EXPECT_TRUE(before.IsBlank());
    ASSERT_THAT(filesystem_.Make(Soon(), {.type = type, .device = device_, .options = {}}), IsOk());
    ASSERT_OK_AND_ASSIGN(const auto after, ProbeDevice(device_));
    EXPECT_EQ(after.type, type);
    EXPECT_THAT(filesystem_.Check(Soon(), type, device_), IsOk());

    const std::vector<std::string> options = type == "xfs"
                                                 ? std::vector<std::string>{"nouuid,_netdev"}
                                                 : std::vector<std::string>{"noatime", "_netdev"};
    ASSERT_THAT(MountDevice(device_, target_.path(), type, ParseMountOptions(options)), IsOk());
    EXPECT_THAT(IsMountPoint(target_.path()), IsOkAndHolds(true));
    EXPECT_THAT(ReleaseLoop(Soon(), device_), StatusIs(Code::kFailedPrecondition));
    target_.Write("file", "content");

    const TempDir bound;
    ASSERT_THAT(BindMount(target_.path(), bound.path(), ParseMountOptions({"bind", "ro"})), IsOk());
    EXPECT_EQ(bound.Read("file"), "content");
    EXPECT_EQ(open(bound.File("new").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600), -1);
    EXPECT_EQ(errno, EROFS);
    target_.Write("file", "still writable");
    EXPECT_THAT(Unmount(bound.path()), IsOk());
    EXPECT_THAT(Unmount(target_.path()), IsOk());
    EXPECT_THAT(IsMountPoint(target_.path()), IsOkAndHolds(false));
    EXPECT_THAT(ReleaseLoop(Soon(), device_), IsOk());
  }
}

TEST_F(DevicesTest, XfsGrowsWhileMounted) {
  Configure();
  ASSERT_THAT(filesystem_.Make(Soon(), {.type = "xfs", .device = device_, .options = {}}), IsOk());
  ASSERT_THAT(MountDevice(device_, target_.path(), "xfs", {}), IsOk());
  ASSERT_EQ(truncate(file_.c_str(), 2 * kBytes), 0);
  EXPECT_THAT(GrowLoop(Soon(), device_, 2 * kBytes), IsOk());
  EXPECT_THAT(filesystem_.Grow(Soon(), "xfs", device_, target_.path()), IsOk());
  ASSERT_OK_AND_ASSIGN(const VolumeUsage usage, MeasureUsage(target_.path()));
  EXPECT_GT(usage.total_bytes, static_cast<std::uint64_t>(kBytes));
  EXPECT_THAT(Unmount(target_.path()), IsOk());
}

TEST_F(DevicesTest, BlockDeviceIsShownAsAFile) {
  Configure();
  const std::string target = target_.Write("device", "");
  ASSERT_THAT(BindMount(device_, target, {}), IsOk());
  EXPECT_THAT(DeviceSize(target), IsOkAndHolds(static_cast<std::uint64_t>(kBytes)));
  EXPECT_THAT(Unmount(target), IsOk());
  EXPECT_THAT(DeviceSize(target), IsOkAndHolds(0U));
}

TEST_F(DevicesTest, MountOfWhatIsNoFileSystemIsInvalid) {
  Configure();
  EXPECT_THAT(MountDevice(device_, target_.path(), "ext4", {}), StatusIs(Code::kInvalidArgument));
}

TEST_F(DevicesTest, ExportOfADaemonIsOpened) {
  const Result<CommandOutput> version = SystemSubprocess().Run(
      Soon(), {.argv = {"qemu-storage-daemon", "--version"}, .standard_input = {}});
  if (!version.ok() || access("/dev/fuse", R_OK | W_OK) != 0) {
    GTEST_SKIP() << "needs qemu-storage-daemon and /dev/fuse";
  }
  constexpr off_t kSmall = off_t{1} << 20;
  ASSERT_EQ(truncate(file_.c_str(), kSmall), 0);
  QemuDaemon daemon(SystemSubprocess(), target_.path(), "");
  ASSERT_THAT(daemon.Start(Soon()), IsOk());
  target_.Write("export", "");
  {
    ASSERT_OK_AND_ASSIGN(QmpClient client, daemon.Connect(Soon()));
    const Json disk = {{"driver", "file"}, {"node-name", "disk"}, {"filename", file_}};
    ASSERT_THAT(client.Execute(Soon(), "blockdev-add", disk), IsOk());
    const Json shown = {{"type", "fuse"},
                        {"id", "export"},
                        {"node-name", "disk"},
                        {"mountpoint", daemon.ExportPath()},
                        {"writable", true}};
    ASSERT_THAT(client.Execute(Soon(), "block-export-add", shown), IsOk());
  }
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd file, daemon.OpenExport(Soon(), O_RDWR));
    EXPECT_EQ(lseek(file.get(), 0, SEEK_END), kSmall);
    EXPECT_EQ(pwrite(file.get(), kTag, sizeof(kTag), 4096), ssize_t{sizeof(kTag)});
  }
  EXPECT_THAT(daemon.Stop(Soon()), IsOk());
  EXPECT_EQ(folder_.Read("disk").substr(4096, sizeof(kTag) - 1), kTag);
  EXPECT_THAT(daemon.OpenExport(Soon(), O_RDWR), StatusIs(Code::kUnavailable));
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
