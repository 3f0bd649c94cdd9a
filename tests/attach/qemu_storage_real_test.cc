// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/falloc.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crash_point.h"
#include "base/encoding.h"
#include "base/handle.h"
#include "base/strings.h"
#include "rbd/attach/filesystem.h"
#include "rbd/attach/mount.h"
#include "rbd/attach/qemu_storage.h"
#include "rbd/attach/small_file.h"
#include "tests/attach/real_volume.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::ReadAt;
using ::rbdcrypt::testing::RealCluster;
using ::rbdcrypt::testing::RealImage;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::rbdcrypt::testing::WriteAt;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;

using Kind = RealImage::Kind;

constexpr char kMarker[] = "the plaintext that must not be seen in the pool";

std::string ReadAll(const std::filesystem::path& path) {
  return ReadFile(path).value_or("");
}

// The process number of the volume's daemon, 0 if none runs.
pid_t DaemonPid(const std::string& folder) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    if (ReadAll(entry.path() / "cmdline").find(folder + "/qmp.sock") != std::string::npos) {
      return static_cast<pid_t>(ParseUint64(entry.path().filename().native()).value_or(0));
    }
  }
  return 0;
}

class QemuStorageRealTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!cluster_) {
      GTEST_SKIP() << "no cluster: run eval \"$(dev/ceph env)\" as root first";
    }
    auto made = QemuStorage::New({.runtime_folder = runtime_.path(), .daemon_cgroup = ""},
                                 SystemSubprocess());
    ASSERT_THAT(made, IsOk());
    attacher_ = *std::move(made);
  }

  Context Soon() const { return Context::Background().WithTimeout(std::chrono::seconds(60)); }

  std::string FolderOf(const RealImage& image) const {
    return QemuFolder(runtime_.path(), image.volume_id());
  }

  // Nothing of the volume is left on this machine.
  void ExpectGone(const RealImage& image) {
    EXPECT_EQ(DaemonPid(FolderOf(image)), 0);
    EXPECT_FALSE(std::filesystem::exists(FolderOf(image)));
    EXPECT_THAT(FindLoop({.tag = QemuLoopTag(image.volume_id()),
                          .backing_path = FolderOf(image) + "/export",
                          .recorded_device = ""}),
                IsOkAndHolds(Eq(std::nullopt)));
  }

  std::optional<RealCluster> cluster_ = RealCluster::FromEnvironment();
  TempDir runtime_;
  std::unique_ptr<QemuStorage> attacher_;
};

TEST_F(QemuStorageRealTest, EncryptedVolumeKeepsItsDataAndShowsNoneOfItInThePool) {
  const RealImage image(*cluster_, Kind::kLuks);
  ASSERT_OK_AND_ASSIGN(const Attachment first, attacher_->Attach(Soon(), image.Request()));
  EXPECT_EQ(first.size_bytes, RealImage::kBytes - RealImage::kHeaderBytes);
  WriteAt(first.device_path, 12345, kMarker);
  ASSERT_THAT(attacher_->Detach(Soon(), image.Key()), IsOk());
  ExpectGone(image);

  const TempDir folder;
  cluster_->Rbd({"export", Cat(RealCluster::kPool, "/", image.name()), folder.File("raw")});
  ASSERT_OK_AND_ASSIGN(
      const CommandOutput search,
      SystemSubprocess().Run(Soon(), {.argv = {"grep", "--count", kMarker, folder.File("raw")},
                                      .standard_input = {}}));
  EXPECT_EQ(search.standard_output, "0\n");

  ASSERT_OK_AND_ASSIGN(const Attachment second, attacher_->Attach(Soon(), image.Request()));
  EXPECT_EQ(ReadAt(second.device_path, 12345, sizeof kMarker - 1), kMarker);
  EXPECT_THAT(attacher_->Detach(Soon(), image.Key()), IsOk());
}

TEST_F(QemuStorageRealTest, AttachTwiceGivesTheSameDeviceAndFindAgrees) {
  const RealImage image(*cluster_, Kind::kPlain);
  EXPECT_THAT(attacher_->Find(Soon(), image.Key()), IsOkAndHolds(Eq(std::nullopt)));
  ASSERT_OK_AND_ASSIGN(const Attachment first, attacher_->Attach(Soon(), image.Request()));
  ASSERT_OK_AND_ASSIGN(const Attachment again, attacher_->Attach(Soon(), image.Request()));
  EXPECT_EQ(again.device_path, first.device_path);
  ASSERT_OK_AND_ASSIGN(const auto found, attacher_->Find(Soon(), image.Key()));
  EXPECT_THAT(found, Optional(::testing::Field(&Attachment::device_path, first.device_path)));
  EXPECT_THAT(attacher_->Detach(Soon(), image.Key()), IsOk());
  EXPECT_THAT(attacher_->Detach(Soon(), image.Key()), IsOk());
}

TEST_F(QemuStorageRealTest, WrongKeyIsUnauthenticatedAndLeavesNothing) {
  const RealImage image(*cluster_, Kind::kLuks);
  const Secret wrong("another passphrase");
  AttachRequest request = image.Request();
  request.dek = &wrong;
  EXPECT_THAT(attacher_->Attach(Soon(), request), StatusIs(Code::kUnauthenticated));
  ExpectGone(image);
}

TEST_F(QemuStorageRealTest, MissingHeaderIsDataLossAndLeavesNothing) {
  const RealImage image(*cluster_, Kind::kPlain);
  AttachRequest request = image.Request();
  request.dek = &image.dek();
  EXPECT_THAT(attacher_->Attach(Soon(), request), StatusIs(Code::kDataLoss));
  ExpectGone(image);
}

TEST_F(QemuStorageRealTest, MissingImageIsNotFound) {
  const RealImage image(*cluster_, Kind::kPlain);
  AttachRequest request = image.Request();
  request.image = "no-such-image";
  EXPECT_THAT(attacher_->Attach(Soon(), request),
              StatusIs(Code::kNotFound, HasSubstr("rbd/no-such-image")));
  ExpectGone(image);
}

TEST_F(QemuStorageRealTest, EncryptedImageIsNeverUsedPlain) {
  const RealImage image(*cluster_, Kind::kLuks);
  AttachRequest request = image.Request();
  request.dek = nullptr;
  EXPECT_THAT(attacher_->Attach(Soon(), request),
              StatusIs(Code::kFailedPrecondition, HasSubstr("LUKS header")));
  ExpectGone(image);
}

TEST_F(QemuStorageRealTest, NoSecretIsInArgumentsEnvironmentOrFiles) {
  const RealImage image(*cluster_, Kind::kLuks);
  ASSERT_THAT(attacher_->Attach(Soon(), image.Request()), IsOk());
  const std::string dek(image.dek().RevealText());
  const std::string key(Trim(cluster_->access().key.RevealText()));
  const std::filesystem::path process = Cat("/proc/", DaemonPid(FolderOf(image)));
  std::vector<std::filesystem::path> places = {process / "cmdline", process / "environ"};
  for (const auto& entry : std::filesystem::directory_iterator(FolderOf(image))) {
    if (entry.is_regular_file() && entry.path().filename() != "export") {
      places.push_back(entry.path());
    }
  }
  for (const auto& place : places) {
    const std::string content = ReadAll(place);
    EXPECT_FALSE(content.empty()) << place;
    for (const std::string& secret : {dek, Base64Encode(std::as_bytes(std::span(dek))), key}) {
      EXPECT_THAT(content, Not(HasSubstr(secret))) << place;
    }
  }
  EXPECT_THAT(attacher_->Detach(Soon(), image.Key()), IsOk());
}

TEST_F(QemuStorageRealTest, GrowFollowsTheImageAndNeverShrinksIt) {
  for (const Kind kind : {Kind::kLuks, Kind::kPlain}) {
    const RealImage image(*cluster_, kind);
    const std::uint64_t header = kind == Kind::kLuks ? RealImage::kHeaderBytes : 0;
    ASSERT_OK_AND_ASSIGN(const Attachment before, attacher_->Attach(Soon(), image.Request()));
    WriteAt(before.device_path, 0, kMarker);
    // With nothing to grow nothing changes.
    ASSERT_OK_AND_ASSIGN(const Attachment same, attacher_->Grow(Soon(), image.Key(), 0));
    EXPECT_EQ(same.size_bytes, RealImage::kBytes - header);
    EXPECT_EQ(cluster_->ImageSize(image.name()), RealImage::kBytes);
    // What was promised is made so, if the controller has not.
    constexpr std::uint64_t kPromised = std::uint64_t{80} << 20;
    ASSERT_OK_AND_ASSIGN(const Attachment promised,
                         attacher_->Grow(Soon(), image.Key(), kPromised));
    EXPECT_EQ(promised.size_bytes, kPromised - header);
    EXPECT_EQ(cluster_->ImageSize(image.name()), kPromised);

    cluster_->Rbd({"resize", "--size", "96M", Cat(RealCluster::kPool, "/", image.name())});
    ASSERT_OK_AND_ASSIGN(const Attachment after, attacher_->Grow(Soon(), image.Key(), 0));
    EXPECT_EQ(after.device_path, before.device_path);
    EXPECT_EQ(after.size_bytes, (std::uint64_t{96} << 20) - header);
    EXPECT_EQ(cluster_->ImageSize(image.name()), std::uint64_t{96} << 20);
    EXPECT_EQ(ReadAt(after.device_path, 0, sizeof kMarker - 1), kMarker);
    WriteAt(after.device_path, static_cast<off_t>(after.size_bytes - sizeof kMarker), kMarker);
    EXPECT_THAT(attacher_->Detach(Soon(), image.Key()), IsOk());
  }
}

TEST_F(QemuStorageRealTest, GrowOfWhatIsNotAttachedIsNotFound) {
  const RealImage image(*cluster_, Kind::kPlain);
  EXPECT_THAT(attacher_->Grow(Soon(), image.Key(), 0), StatusIs(Code::kNotFound));
}

TEST_F(QemuStorageRealTest, KilledDaemonIsReplacedAndFlushedDataIsThere) {
  const RealImage image(*cluster_, Kind::kLuks);
  ASSERT_OK_AND_ASSIGN(const Attachment first, attacher_->Attach(Soon(), image.Request()));
  WriteAt(first.device_path, 4096, kMarker);
  ASSERT_EQ(kill(DaemonPid(FolderOf(image)), SIGKILL), 0);
  while (DaemonPid(FolderOf(image)) != 0) {
  }
  EXPECT_THAT(attacher_->Find(Soon(), image.Key()), IsOkAndHolds(Eq(std::nullopt)));
  ASSERT_OK_AND_ASSIGN(const Attachment second, attacher_->Attach(Soon(), image.Request()));
  EXPECT_EQ(ReadAt(second.device_path, 4096, sizeof kMarker - 1), kMarker);
  EXPECT_THAT(attacher_->Detach(Soon(), image.Key()), IsOk());
  ExpectGone(image);
}

TEST_F(QemuStorageRealTest, DetachAfterTheDaemonWasKilledSaysSoOnceAndCleansUp) {
  const RealImage image(*cluster_, Kind::kLuks);
  ASSERT_THAT(attacher_->Attach(Soon(), image.Request()), IsOk());
  ASSERT_EQ(kill(DaemonPid(FolderOf(image)), SIGKILL), 0);
  while (DaemonPid(FolderOf(image)) != 0) {
  }
  EXPECT_THAT(attacher_->Detach(Soon(), image.Key()), StatusIs(Code::kDataLoss));
  ExpectGone(image);
  EXPECT_THAT(attacher_->Detach(Soon(), image.Key()), IsOk());
}

TEST_F(QemuStorageRealTest, MountedVolumeIsNotDetached) {
  const RealImage image(*cluster_, Kind::kLuks);
  ASSERT_OK_AND_ASSIGN(const Attachment disk, attacher_->Attach(Soon(), image.Request()));
  Filesystem filesystem(SystemSubprocess());
  ASSERT_THAT(filesystem.Make(Soon(), {.type = "ext4", .device = disk.device_path, .options = {}}),
              IsOk());
  const TempDir target;
  ASSERT_THAT(MountDevice(disk.device_path, target.path(), "ext4", {}), IsOk());
  target.Write("file", kMarker);
  EXPECT_THAT(attacher_->Detach(Soon(), image.Key()),
              StatusIs(Code::kFailedPrecondition, HasSubstr("in use")));
  EXPECT_EQ(target.Read("file"), kMarker);

  cluster_->Rbd({"resize", "--size", "96M", Cat(RealCluster::kPool, "/", image.name())});
  EXPECT_THAT(attacher_->Grow(Soon(), image.Key(), 0), IsOk());
  const Status grown = filesystem.Grow(Soon(), "ext4", disk.device_path, target.path());
  if (prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) == 1) {
    EXPECT_THAT(grown, IsOk());
    ASSERT_OK_AND_ASSIGN(const VolumeUsage usage, MeasureUsage(target.path()));
    EXPECT_GT(usage.total_bytes, std::uint64_t{64} << 20);
  } else {
    EXPECT_THAT(grown, StatusIs(Code::kPermissionDenied, HasSubstr("CAP_SYS_RESOURCE")));
  }
  EXPECT_THAT(Unmount(target.path()), IsOk());
  EXPECT_THAT(attacher_->Detach(Soon(), image.Key()), IsOk());
}

// The export of QEMU 7.2 reports success for a punched hole that it leaves full of old bytes; ext4
// zeroes its inode tables so. Either the hole is refused or it reads as zeroes.
TEST_F(QemuStorageRealTest, HoleIsRefusedOrZeroed) {
  const RealImage image(*cluster_, Kind::kLuks);
  ASSERT_OK_AND_ASSIGN(const Attachment disk, attacher_->Attach(Soon(), image.Request()));
  constexpr std::size_t kBytes = std::size_t{1} << 20;
  WriteAt(disk.device_path, 0, std::string(kBytes, 'x'));
  {
    const UniqueFd fd(open(disk.device_path.c_str(), O_RDWR | O_CLOEXEC));
    const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    const bool is_punched = fallocate(fd.get(), mode, 0, kBytes) == 0;
    const std::string content = ReadAt(disk.device_path, 0, kBytes);
    EXPECT_EQ(content, std::string(kBytes, is_punched ? '\0' : 'x'));
  }
  EXPECT_THAT(attacher_->Detach(Soon(), image.Key()), IsOk());
}

TEST_F(QemuStorageRealTest, ReadOnlyVolumeTakesNoWritesAndIsNotReusedForWriting) {
  const RealImage image(*cluster_, Kind::kLuks);
  AttachRequest request = image.Request();
  request.read_only = true;
  ASSERT_OK_AND_ASSIGN(const Attachment disk, attacher_->Attach(Soon(), request));
  // The kernel lets root open it, but not write.
  UniqueFd fd(open(disk.device_path.c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_NE(pwrite(fd.get(), kMarker, sizeof kMarker, 0), static_cast<ssize_t>(sizeof kMarker));
  fd.Reset();
  EXPECT_THAT(attacher_->Attach(Soon(), image.Request()), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(attacher_->Detach(Soon(), image.Key()), IsOk());
}

#ifdef RBDCRYPT_CRASH_POINTS

TEST_F(QemuStorageRealTest, AttachAfterCrashAtAnyPointOfAttach) {
  for (const std::string_view point :
       {"attach.qemu-recorded", "attach.qemu-started", "attach.qemu-secrets", "attach.qemu-opened",
        "attach.qemu-exported", "attach.qemu-loop", "attach.qemu-complete"}) {
    SCOPED_TRACE(point);
    const RealImage image(*cluster_, Kind::kLuks);
    rbdcrypt::testing::CrashAt(point,
                               [&] { attacher_->Attach(Soon(), image.Request()).IgnoreError(); });
    ASSERT_OK_AND_ASSIGN(const Attachment disk, attacher_->Attach(Soon(), image.Request()));
    WriteAt(disk.device_path, 0, kMarker);
    EXPECT_THAT(attacher_->Detach(Soon(), image.Key()), IsOk());
    ExpectGone(image);
  }
}

TEST_F(QemuStorageRealTest, DetachAfterCrashAtAnyPointOfAttachOrDetach) {
  for (const std::string_view point :
       {"attach.qemu-started", "attach.qemu-opened", "attach.qemu-loop", "attach.qemu-complete",
        "detach.qemu-flushed", "detach.qemu-loop-released", "detach.qemu-stopped",
        "detach.qemu-forgotten"}) {
    SCOPED_TRACE(point);
    const RealImage image(*cluster_, Kind::kLuks);
    rbdcrypt::testing::CrashAt(point, [&] {
      attacher_->Attach(Soon(), image.Request()).IgnoreError();
      attacher_->Detach(Soon(), image.Key()).IgnoreError();
    });
    EXPECT_THAT(attacher_->Detach(Soon(), image.Key()), IsOk());
    ExpectGone(image);
  }
}

TEST_F(QemuStorageRealTest, GrowAfterCrashAtAnyPointOfGrow) {
  for (const std::string_view point : {"grow.qemu-resized", "grow.qemu-loop"}) {
    SCOPED_TRACE(point);
    const RealImage image(*cluster_, Kind::kLuks);
    ASSERT_THAT(attacher_->Attach(Soon(), image.Request()), IsOk());
    cluster_->Rbd({"resize", "--size", "96M", Cat(RealCluster::kPool, "/", image.name())});
    rbdcrypt::testing::CrashAt(point,
                               [&] { attacher_->Grow(Soon(), image.Key(), 0).IgnoreError(); });
    ASSERT_OK_AND_ASSIGN(const Attachment disk, attacher_->Grow(Soon(), image.Key(), 0));
    EXPECT_EQ(disk.size_bytes, std::uint64_t{80} << 20);
    EXPECT_EQ(cluster_->ImageSize(image.name()), std::uint64_t{96} << 20);
    EXPECT_THAT(attacher_->Detach(Soon(), image.Key()), IsOk());
  }
}

#endif  // RBDCRYPT_CRASH_POINTS

}  // namespace
}  // namespace rbdcrypt::rbd::attach
