// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include <chrono>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/crash_point.h"
#include "base/handle.h"
#include "base/strings.h"
#include "base/subprocess.h"
#include "rbd/attach/krbd.h"
#include "rbd/attach/select.h"
#include "tests/attach/real_volume.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

// The kernel's mapper on a machine that has its modules: here or in `dev/guest run`.
namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::ReadAt;
using ::rbdcrypt::testing::RealCluster;
using ::rbdcrypt::testing::RealImage;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::WriteAt;
using ::testing::Eq;
using ::testing::HasSubstr;

using Kind = RealImage::Kind;

constexpr char kMarker[] = "the plaintext that must not be seen in the pool";

class KrbdRealTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!cluster_) {
      GTEST_SKIP() << "no cluster: run eval \"$(dev/ceph env)\" as root first";
    }
    if (!SelectMappers(Soon(), SystemSubprocess(), "krbd").ok()) {
      GTEST_SKIP() << "no kernel modules rbd and dm-crypt; dev/guest has them";
    }
  }

  static Context Soon() { return Context::Background().WithTimeout(std::chrono::seconds(120)); }

  static void Dmsetup(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "dmsetup");
    EXPECT_THAT(SystemSubprocess().RunChecked(Soon(), {.argv = arguments, .standard_input = {}}),
                IsOk());
  }

  // What is there of a mapping whose maker was killed before, or after, it loaded the table.
  static void LeaveUnfinished(const std::string& name, bool has_table) {
    Dmsetup({"create", name, "--notable"});
    if (has_table) {
      Dmsetup({"load", name, "--table", "0 2048 error"});
    }
  }

  void ExpectGone(const RealImage& image) {
    EXPECT_THAT(attacher_.Find(Soon(), image.Key()), IsOkAndHolds(Eq(std::nullopt)));
    EXPECT_THAT(dm_crypt_.Find(MappingName(image.volume_id())), IsOkAndHolds(Eq(std::nullopt)));
    ASSERT_OK_AND_ASSIGN(const auto devices, bus_.List());
    for (const RbdDevice& device : devices) {
      EXPECT_NE(device.image, image.name());
    }
  }

  std::optional<RealCluster> cluster_ = RealCluster::FromEnvironment();
  RbdBus bus_;
  CryptsetupDmCrypt dm_crypt_;
  Krbd attacher_{{.bus = bus_, .dm_crypt = dm_crypt_, .subprocess = SystemSubprocess()}};
};

TEST_F(KrbdRealTest, EncryptedVolumeKeepsItsDataAndIsReused) {
  const RealImage image(*cluster_, Kind::kLuks);
  ASSERT_OK_AND_ASSIGN(const Attachment disk, attacher_.Attach(Soon(), image.Request()));
  EXPECT_EQ(disk.device_path, "/dev/mapper/luks-rbd-" + image.volume_id());
  EXPECT_EQ(disk.size_bytes, RealImage::kBytes - RealImage::kHeaderBytes);
  WriteAt(disk.device_path, 4096, kMarker);
  ASSERT_OK_AND_ASSIGN(const Attachment again, attacher_.Attach(Soon(), image.Request()));
  EXPECT_EQ(again.device_path, disk.device_path);
  ASSERT_THAT(attacher_.Detach(Soon(), image.Key()), IsOk());
  ExpectGone(image);
  ASSERT_THAT(attacher_.Attach(Soon(), image.Request()), IsOk());
  EXPECT_EQ(ReadAt(disk.device_path, 4096, sizeof kMarker - 1), kMarker);
  EXPECT_THAT(attacher_.Detach(Soon(), image.Key()), IsOk());
  EXPECT_THAT(attacher_.Detach(Soon(), image.Key()), IsOk());
}

TEST_F(KrbdRealTest, PlainVolumeIsMappedAndAnEncryptedOneNeverUsedPlain) {
  const RealImage plain(*cluster_, Kind::kPlain);
  ASSERT_OK_AND_ASSIGN(const Attachment disk, attacher_.Attach(Soon(), plain.Request()));
  EXPECT_EQ(disk.size_bytes, RealImage::kBytes);
  EXPECT_THAT(attacher_.Detach(Soon(), plain.Key()), IsOk());
  const RealImage encrypted(*cluster_, Kind::kLuks);
  AttachRequest request = encrypted.Request();
  request.dek = nullptr;
  EXPECT_THAT(attacher_.Attach(Soon(), request), StatusIs(Code::kFailedPrecondition));
  ExpectGone(encrypted);
}

TEST_F(KrbdRealTest, WrongKeyAndMissingHeaderAreToldApartAndLeaveNothing) {
  const RealImage encrypted(*cluster_, Kind::kLuks);
  const Secret wrong(std::string_view("another passphrase"));
  AttachRequest request = encrypted.Request();
  request.dek = &wrong;
  EXPECT_THAT(attacher_.Attach(Soon(), request), StatusIs(Code::kUnauthenticated));
  ExpectGone(encrypted);
  const RealImage plain(*cluster_, Kind::kPlain);
  AttachRequest without = plain.Request();
  without.dek = &wrong;
  EXPECT_THAT(attacher_.Attach(Soon(), without), StatusIs(Code::kDataLoss));
  ExpectGone(plain);
}

TEST_F(KrbdRealTest, MissingImageAndWrongUserHaveTheirCodes) {
  const RealImage image(*cluster_, Kind::kPlain);
  AttachRequest request = image.Request();
  request.image = "no-such-image";
  EXPECT_THAT(attacher_.Attach(Soon(), request), StatusIs(Code::kNotFound));
  const ClusterAccess other{.monitors = cluster_->access().monitors,
                            .user = "nobody",
                            .key = cluster_->access().key.Clone()};
  const AttachRequest as_other{.cluster = other,
                               .pool = RealCluster::kPool,
                               .rados_namespace = "",
                               .image = image.name(),
                               .volume_id = image.volume_id(),
                               .map_options = ""};
  EXPECT_THAT(attacher_.Attach(Soon(), as_other), StatusIs(Code::kPermissionDenied));
}

TEST_F(KrbdRealTest, GrowReachesTheMappingWithoutTheKey) {
  const RealImage image(*cluster_, Kind::kLuks);
  ASSERT_OK_AND_ASSIGN(const Attachment disk, attacher_.Attach(Soon(), image.Request()));
  WriteAt(disk.device_path, 0, kMarker);
  cluster_->Rbd({"resize", "--size", "96M", Cat(RealCluster::kPool, "/", image.name())});
  ASSERT_OK_AND_ASSIGN(const Attachment grown, attacher_.Grow(Soon(), image.Key(), 0));
  EXPECT_EQ(grown.size_bytes, (std::uint64_t{96} << 20) - RealImage::kHeaderBytes);
  EXPECT_EQ(ReadAt(disk.device_path, 0, sizeof kMarker - 1), kMarker);
  EXPECT_THAT(attacher_.Detach(Soon(), image.Key()), IsOk());
}

TEST_F(KrbdRealTest, OpenDeviceIsNotDetached) {
  const RealImage image(*cluster_, Kind::kLuks);
  ASSERT_OK_AND_ASSIGN(const Attachment disk, attacher_.Attach(Soon(), image.Request()));
  UniqueFd user(open(disk.device_path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_THAT(attacher_.Detach(Soon(), image.Key()), StatusIs(Code::kFailedPrecondition));
  user.Reset();
  EXPECT_THAT(attacher_.Detach(Soon(), image.Key()), IsOk());
}

TEST_F(KrbdRealTest, MappingOverAnotherImageIsLeftAlone) {
  const RealImage other(*cluster_, Kind::kLuks);
  const RealImage image(*cluster_, Kind::kLuks);
  // The other image's device under this volume's name.
  AttachRequest request = other.Request();
  request.volume_id = image.volume_id();
  ASSERT_THAT(attacher_.Attach(Soon(), request), IsOk());
  EXPECT_THAT(attacher_.Attach(Soon(), image.Request()), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(attacher_.Detach(Soon(), image.Key()), StatusIs(Code::kFailedPrecondition));
  AttachmentKey key = other.Key();
  key.volume_id = image.volume_id();
  EXPECT_THAT(attacher_.Detach(Soon(), key), IsOk());
  EXPECT_THAT(attacher_.Detach(Soon(), image.Key()), IsOk());
}

TEST_F(KrbdRealTest, MappingWhoseDeviceWasTakenAwayIsReplaced) {
  const RealImage image(*cluster_, Kind::kLuks);
  ASSERT_OK_AND_ASSIGN(const Attachment disk, attacher_.Attach(Soon(), image.Request()));
  WriteAt(disk.device_path, 0, kMarker);
  ASSERT_OK_AND_ASSIGN(const auto devices, bus_.List());
  for (const RbdDevice& device : devices) {
    if (device.image == image.name()) {
      ASSERT_EQ(bus_.Remove(device, "force"), 0);
    }
  }
  EXPECT_THAT(attacher_.Find(Soon(), image.Key()), IsOkAndHolds(Eq(std::nullopt)));
  ASSERT_OK_AND_ASSIGN(const Attachment again, attacher_.Attach(Soon(), image.Request()));
  EXPECT_EQ(ReadAt(again.device_path, 0, sizeof kMarker - 1), kMarker);
  EXPECT_THAT(attacher_.Detach(Soon(), image.Key()), IsOk());
  ExpectGone(image);
}

TEST_F(KrbdRealTest, MappingThatWasLeftUnfinishedIsReplacedOrRemoved) {
  for (const bool has_table : {false, true}) {
    SCOPED_TRACE(has_table);
    const RealImage image(*cluster_, Kind::kLuks);
    const std::string name = MappingName(image.volume_id());
    LeaveUnfinished(name, has_table);
    ASSERT_OK_AND_ASSIGN(const Attachment disk, attacher_.Attach(Soon(), image.Request()));
    WriteAt(disk.device_path, 0, kMarker);
    // A finished one is left alone.
    ASSERT_THAT(dm_crypt_.RemoveUnfinished(name), IsOk());
    EXPECT_EQ(ReadAt(disk.device_path, 0, sizeof kMarker - 1), kMarker);
    ASSERT_THAT(attacher_.Detach(Soon(), image.Key()), IsOk());
    ExpectGone(image);

    LeaveUnfinished(name, has_table);
    ASSERT_THAT(attacher_.Detach(Soon(), image.Key()), IsOk());
    // Its name is free.
    Dmsetup({"create", name, "--notable"});
    Dmsetup({"remove", name});
  }
}

TEST_F(KrbdRealTest, MappingWithoutItsNodeIsOpenedAnew) {
  const RealImage image(*cluster_, Kind::kLuks);
  ASSERT_OK_AND_ASSIGN(const Attachment disk, attacher_.Attach(Soon(), image.Request()));
  WriteAt(disk.device_path, 0, kMarker);
  ASSERT_EQ(unlink(disk.device_path.c_str()), 0);
  ASSERT_OK_AND_ASSIGN(const Attachment again, attacher_.Attach(Soon(), image.Request()));
  EXPECT_EQ(ReadAt(again.device_path, 0, sizeof kMarker - 1), kMarker);
  EXPECT_THAT(attacher_.Detach(Soon(), image.Key()), IsOk());
  ExpectGone(image);
}

TEST_F(KrbdRealTest, ReadOnlyReachesBothLayers) {
  const RealImage image(*cluster_, Kind::kLuks);
  AttachRequest request = image.Request();
  request.read_only = true;
  ASSERT_OK_AND_ASSIGN(const Attachment disk, attacher_.Attach(Soon(), request));
  {
    const UniqueFd fd(open(disk.device_path.c_str(), O_WRONLY | O_CLOEXEC));
    EXPECT_NE(pwrite(fd.get(), kMarker, sizeof kMarker, 0), static_cast<ssize_t>(sizeof kMarker));
  }
  EXPECT_THAT(attacher_.Attach(Soon(), image.Request()),
              StatusIs(Code::kFailedPrecondition, HasSubstr("read-only")));
  EXPECT_THAT(attacher_.Detach(Soon(), image.Key()), IsOk());
}

#ifdef RBDCRYPT_CRASH_POINTS

TEST_F(KrbdRealTest, CrashAtAnyPointIsMendedByTheNextCall) {
  for (const std::string_view point : {"attach.krbd-mapped", "attach.dm-crypt-opened",
                                       "detach.dm-crypt-closed", "detach.krbd-unmapped"}) {
    SCOPED_TRACE(point);
    const RealImage image(*cluster_, Kind::kLuks);
    rbdcrypt::testing::CrashAt(point, [&] {
      attacher_.Attach(Soon(), image.Request()).IgnoreError();
      attacher_.Detach(Soon(), image.Key()).IgnoreError();
    });
    ASSERT_OK_AND_ASSIGN(const Attachment disk, attacher_.Attach(Soon(), image.Request()));
    WriteAt(disk.device_path, 0, kMarker);
    EXPECT_THAT(attacher_.Detach(Soon(), image.Key()), IsOk());
    ExpectGone(image);
  }
}

#endif  // RBDCRYPT_CRASH_POINTS

}  // namespace
}  // namespace rbdcrypt::rbd::attach
