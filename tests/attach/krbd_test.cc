// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/krbd.h"

#include <cerrno>
#include <map>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/attach/fake_rbd_kernel.h"
#include "tests/attach/no_more_files.h"
#include "tests/fakes/fake_subprocess.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::FakeClock;
using ::rbdcrypt::testing::FakeRbdKernel;
using ::rbdcrypt::testing::FakeSubprocess;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::WithoutFiles;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kName[] = "luks-rbd-0001-volume";

// Mappings kept in memory; a file in the fake kernel's /dev stands for each.
class FakeDmCrypt final : public DmCrypt {
 public:
  explicit FakeDmCrypt(FakeRbdKernel& kernel) : kernel_(kernel) {}

  Status Activate(const Context&, const ActivateRequest& request) override {
    if (!activate_status.ok()) {
      return activate_status;
    }
    if (unfinished.contains(request.name)) {
      return FailedPrecondition("the name is taken");
    }
    keyslot = request.keyslot;
    const std::string device = request.device.substr(request.device.rfind('/') + 1);
    mappings[request.name] = {.backing = {device}, .is_luks = true, .read_only = request.read_only};
    kernel_.WriteNode("mapper/" + request.name, "decrypted");
    return OkStatus();
  }

  Status RemoveUnfinished(std::string_view name) override {
    if (!remove_status.ok()) {
      return remove_status;
    }
    unfinished.erase(std::string(name));
    return OkStatus();
  }

  Result<std::optional<Mapping>> Find(std::string_view name) override {
    const auto found = mappings.find(std::string(name));
    return found == mappings.end() ? std::nullopt : std::optional(found->second);
  }

  Status Resize(std::string_view name) override {
    resized.emplace_back(name);
    return OkStatus();
  }

  Status Deactivate(const Context&, std::string_view name) override {
    mappings.erase(std::string(name));
    kernel_.RemoveNode(Cat("mapper/", name));
    closed.emplace_back(name);
    return OkStatus();
  }

  std::map<std::string, Mapping> mappings;
  // Names of devices without a table: nobody finds them.
  std::set<std::string> unfinished;
  Status remove_status;
  std::vector<std::string> resized;
  std::vector<std::string> closed;
  std::optional<int> keyslot;
  Status activate_status;

 private:
  FakeRbdKernel& kernel_;
};

struct World {
  FakeClock clock;
  Context context{Context::Options{.clock = &clock}};
  FakeRbdKernel kernel;
  FakeDmCrypt dm_crypt{kernel};
  FakeSubprocess subprocess;
  std::vector<std::string> keys;
  Krbd krbd{{.bus = kernel.bus(),
             .dm_crypt = dm_crypt,
             .subprocess = subprocess,
             .add_key = [this](const std::string& name, const Secret&) -> Result<KernelKey> {
               keys.push_back(name);
               return KernelKey::NoneForTest();
             }}};
  Secret dek{std::string_view("passphrase")};
  ClusterAccess cluster{.monitors = {"10.0.0.1:6789"}, .user = "csi", .key = {}};
  AttachRequest request{.cluster = cluster,
                        .pool = "rbd",
                        .rados_namespace = "",
                        .image = "image",
                        .volume_id = "0001-volume",
                        .dek = &dek,
                        .map_options = ""};
  AttachmentKey key{.pool = "rbd",
                    .rados_namespace = "",
                    .image = "image",
                    .volume_id = "0001-volume",
                    .encrypted = true,
                    .unmap_options = ""};
};

TEST(KrbdTest, AttachMapsAndOpens) {
  World world;
  ASSERT_OK_AND_ASSIGN(const Attachment disk, world.krbd.Attach(world.context, world.request));
  EXPECT_EQ(disk.device_path, world.kernel.Node(Cat("mapper/", kName)));
  EXPECT_EQ(disk.size_bytes, 9U);
  EXPECT_THAT(world.kernel.writes(),
              ElementsAre("add_single_major: 10.0.0.1:6789 name=csi,key=client.csi rbd image -"));
  EXPECT_THAT(world.keys, ElementsAre("client.csi"));
  EXPECT_THAT(world.dm_crypt.mappings[kName].backing, ElementsAre("rbd0"));
}

TEST(KrbdTest, AttachOfWhatIsAttachedMapsAndOpensNothing) {
  World world;
  ASSERT_THAT(world.krbd.Attach(world.context, world.request), IsOk());
  ASSERT_THAT(world.krbd.Attach(world.context, world.request), IsOk());
  EXPECT_THAT(world.kernel.writes(), SizeIs(1));
  EXPECT_THAT(world.dm_crypt.closed, IsEmpty());
}

TEST(KrbdTest, PlainVolumeIsItsRbdDevice) {
  World world;
  world.request.dek = nullptr;
  ASSERT_OK_AND_ASSIGN(const Attachment disk, world.krbd.Attach(world.context, world.request));
  EXPECT_EQ(disk.device_path, world.kernel.Node("rbd0"));
}

TEST(KrbdTest, PlainUseOfALuksDeviceIsRefusedAndUnmapped) {
  World world;
  std::string content(8192, '\0');
  content.replace(0, 6, "LUKS\xba\xbe");
  world.kernel.SetContent(content);
  world.request.dek = nullptr;
  EXPECT_THAT(world.krbd.Attach(world.context, world.request),
              StatusIs(Code::kFailedPrecondition, HasSubstr("LUKS header")));
  EXPECT_THAT(world.kernel.bus().List(), IsOkAndHolds(IsEmpty()));
}

TEST(KrbdTest, LuksHeaderOfItsUserIsNoHindranceToARawBlockVolume) {
  World world;
  std::string content(8192, '\0');
  content.replace(0, 6, "LUKS\xba\xbe");
  world.kernel.SetContent(content);
  world.request.dek = nullptr;
  world.request.may_hold_luks = true;
  EXPECT_THAT(world.krbd.Attach(world.context, world.request), IsOk());
}

// Safety D1: as after the node's client was blocklisted.
TEST(KrbdTest, DeadDeviceIsTakenDownAndMappedAnew) {
  for (const bool is_encrypted : {true, false}) {
    World world;
    world.request.dek = is_encrypted ? &world.dek : nullptr;
    world.key.encrypted = is_encrypted;
    ASSERT_THAT(world.krbd.Attach(world.context, world.request), IsOk());
    world.kernel.BreakNode("rbd0");
    if (is_encrypted) {
      world.kernel.BreakNode(Cat("mapper/", kName));
    }
    EXPECT_THAT(world.krbd.Find(world.context, world.key), IsOkAndHolds(Eq(std::nullopt)));
    ASSERT_OK_AND_ASSIGN(const Attachment disk, world.krbd.Attach(world.context, world.request));
    EXPECT_THAT(world.kernel.writes(),
                ElementsAre(HasSubstr("add_single_major"), "remove_single_major: 0",
                            HasSubstr("add_single_major")));
    EXPECT_EQ(disk.device_path,
              world.kernel.Node(is_encrypted ? Cat("mapper/", kName) : std::string("rbd1")));
    EXPECT_THAT(world.dm_crypt.closed, SizeIs(is_encrypted ? 1 : 0));
  }
}

// Safety A4, D1.
TEST(KrbdTest, DeviceThatFailsForAnotherReasonIsNotTakenForDead) {
  for (const bool is_encrypted : {true, false}) {
    World world;
    world.request.dek = is_encrypted ? &world.dek : nullptr;
    world.key.encrypted = is_encrypted;
    ASSERT_THAT(world.krbd.Attach(world.context, world.request), IsOk());
    world.kernel.ObstructNode(is_encrypted ? Cat("mapper/", kName) : std::string("rbd0"));
    EXPECT_THAT(world.krbd.Find(world.context, world.key), StatusIs(Code::kUnavailable));
    EXPECT_THAT(world.krbd.Attach(world.context, world.request), StatusIs(Code::kUnavailable));
    EXPECT_THAT(world.kernel.writes(), SizeIs(1));
    EXPECT_THAT(world.dm_crypt.closed, IsEmpty());
  }
}

// Safety A4, D2: Detach would call it detached, and Attach map it twice.
TEST(KrbdTest, DevicesThatCannotBeListedAreNotAbsent) {
  World world;
  ASSERT_THAT(world.krbd.Attach(world.context, world.request), IsOk());
  EXPECT_THAT(WithoutFiles([&] { return world.krbd.Detach(world.context, world.key); }),
              StatusIs(Code::kUnavailable));
  EXPECT_THAT(WithoutFiles([&] { return world.krbd.Attach(world.context, world.request); }),
              StatusIs(Code::kUnavailable));
  EXPECT_THAT(WithoutFiles([&] { return world.krbd.Find(world.context, world.key); }),
              StatusIs(Code::kUnavailable));
  EXPECT_THAT(WithoutFiles([&] { return world.krbd.Grow(world.context, world.key, 0); }),
              StatusIs(Code::kUnavailable));
  EXPECT_THAT(world.kernel.writes(), SizeIs(1));
  EXPECT_THAT(world.dm_crypt.closed, IsEmpty());
}

TEST(KrbdTest, DeadDeviceUnderAForeignMappingIsLeftAlone) {
  World world;
  world.kernel.AddDevice("rbd", "image");
  world.kernel.AddDevice("rbd", "other");
  world.kernel.BreakNode("rbd0");
  world.dm_crypt.mappings[kName] = {.backing = {"rbd1"}, .is_luks = true};
  EXPECT_THAT(world.krbd.Attach(world.context, world.request), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(world.kernel.bus().List(), IsOkAndHolds(SizeIs(2)));
}

// Safety D1.
TEST(KrbdTest, ImageOfTheSameNameInAnotherClusterIsNeitherUsedNorUnmapped) {
  World world;
  world.kernel.SetClusterFsid("cluster-2");
  world.kernel.AddDevice("rbd", "image");
  world.kernel.SetClusterFsid("cluster-1");
  world.request.cluster_fsid = "cluster-1";
  world.key.cluster_fsid = "cluster-1";
  EXPECT_THAT(world.krbd.Detach(world.context, world.key), IsOk());
  EXPECT_THAT(world.kernel.writes(), IsEmpty());
  ASSERT_THAT(world.krbd.Attach(world.context, world.request), IsOk());
  EXPECT_THAT(world.dm_crypt.mappings[kName].backing, ElementsAre("rbd1"));
  EXPECT_THAT(world.krbd.Grow(world.context, world.key, 0), IsOk());
  EXPECT_THAT(world.krbd.Detach(world.context, world.key), IsOk());
  EXPECT_THAT(world.kernel.writes(),
              ElementsAre(HasSubstr("add_single_major"), "refresh: 1", "remove_single_major: 1"));
}

// A record of ceph-csi, or a kernel that does not say.
TEST(KrbdTest, UnknownClusterIsNotCompared) {
  World world;
  world.kernel.AddDevice("rbd", "image");
  EXPECT_THAT(world.krbd.Detach(world.context, world.key), IsOk());
  EXPECT_THAT(world.kernel.bus().List(), IsOkAndHolds(IsEmpty()));
  world.kernel.SetClusterFsid("");
  world.kernel.AddDevice("rbd", "image");
  world.key.cluster_fsid = "cluster-1";
  EXPECT_THAT(world.krbd.Detach(world.context, world.key), IsOk());
  EXPECT_THAT(world.kernel.bus().List(), IsOkAndHolds(IsEmpty()));
}

TEST(KrbdTest, OneOfTwoClustersIsNotGuessed) {
  World world;
  world.kernel.AddDevice("rbd", "image");
  world.kernel.SetClusterFsid("cluster-2");
  world.kernel.AddDevice("rbd", "image");
  EXPECT_THAT(world.krbd.Detach(world.context, world.key),
              StatusIs(Code::kFailedPrecondition, HasSubstr("two clusters")));
  EXPECT_THAT(world.krbd.Attach(world.context, world.request), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(world.kernel.writes(), IsEmpty());
}

// Safety E5: a more expensive slot beside it is never tried.
TEST(KrbdTest, OnlyTheProvenKeyslotIsOpened) {
  World world;
  world.request.keyslot = 1;
  ASSERT_THAT(world.krbd.Attach(world.context, world.request), IsOk());
  EXPECT_EQ(world.dm_crypt.keyslot, 1);
  EXPECT_FALSE(world.krbd.TriesEveryKeyslot());
}

TEST(KrbdTest, MappingOverAnotherDeviceIsRefusedAndLeftAlone) {
  World world;
  world.kernel.AddDevice("rbd", "other");
  world.dm_crypt.mappings[kName] = {.backing = {"rbd0"}, .is_luks = true};
  EXPECT_THAT(world.krbd.Attach(world.context, world.request),
              StatusIs(Code::kFailedPrecondition, HasSubstr("rbd0")));
  EXPECT_THAT(world.krbd.Detach(world.context, world.key), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(world.dm_crypt.closed, IsEmpty());
}

TEST(KrbdTest, MappingThatIsNoLuksIsForeignEvenOverOurDevice) {
  World world;
  world.kernel.AddDevice("rbd", "image");
  world.dm_crypt.mappings[kName] = {.backing = {"rbd0"}, .is_luks = false};
  EXPECT_THAT(world.krbd.Attach(world.context, world.request), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(world.dm_crypt.closed, IsEmpty());
}

TEST(KrbdTest, MappingWithoutADeviceIsClosedAndOpenedAnew) {
  World world;
  world.dm_crypt.mappings[kName] = {.backing = {}, .is_luks = true};
  ASSERT_THAT(world.krbd.Attach(world.context, world.request), IsOk());
  EXPECT_THAT(world.dm_crypt.closed, ElementsAre(kName));
  EXPECT_THAT(world.dm_crypt.mappings[kName].backing, ElementsAre("rbd0"));
}

TEST(KrbdTest, MappingOfADeviceNumberThatWasJustGivenAgainIsDead) {
  World world;
  world.dm_crypt.mappings[kName] = {.backing = {"rbd0"}, .is_luks = true};
  ASSERT_THAT(world.krbd.Attach(world.context, world.request), IsOk());
  EXPECT_THAT(world.dm_crypt.closed, ElementsAre(kName));
}

TEST(KrbdTest, MappingThatWasLeftUnfinishedIsInNobodysWay) {
  World world;
  world.dm_crypt.unfinished = {kName, "another"};
  ASSERT_THAT(world.krbd.Attach(world.context, world.request), IsOk());
  world.dm_crypt.unfinished = {kName, "another"};
  ASSERT_THAT(world.krbd.Detach(world.context, world.key), IsOk());
  EXPECT_THAT(world.dm_crypt.unfinished, ElementsAre("another"));
}

TEST(KrbdTest, UnfinishedMappingThatCannotBeRemovedEndsTheCall) {
  World world;
  world.dm_crypt.remove_status = Unavailable("the kernel does not say");
  EXPECT_THAT(world.krbd.Attach(world.context, world.request), StatusIs(Code::kUnavailable));
  EXPECT_THAT(world.kernel.bus().List(), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(world.krbd.Detach(world.context, world.key), StatusIs(Code::kUnavailable));
}

TEST(KrbdTest, MappingWithoutItsNodeIsClosedAndOpenedAnew) {
  World world;
  ASSERT_THAT(world.krbd.Attach(world.context, world.request), IsOk());
  world.kernel.RemoveNode(Cat("mapper/", kName));
  ASSERT_THAT(world.krbd.Attach(world.context, world.request), IsOk());
  EXPECT_THAT(world.dm_crypt.closed, ElementsAre(kName));
  EXPECT_THAT(world.dm_crypt.mappings[kName].backing, ElementsAre("rbd0"));
}

TEST(KrbdTest, WrongKeyUnmapsWhatThisCallMappedOnly) {
  World world;
  world.dm_crypt.activate_status = Unauthenticated("no keyslot");
  EXPECT_THAT(world.krbd.Attach(world.context, world.request), StatusIs(Code::kUnauthenticated));
  EXPECT_THAT(world.kernel.bus().List(), IsOkAndHolds(IsEmpty()));
  world.kernel.AddDevice("rbd", "image");
  EXPECT_THAT(world.krbd.Attach(world.context, world.request), StatusIs(Code::kUnauthenticated));
  EXPECT_THAT(world.kernel.bus().List(), IsOkAndHolds(SizeIs(1)));
}

TEST(KrbdTest, MappedReadOnlyIsNotReusedForWriting) {
  World world;
  world.kernel.AddDevice("rbd", "image", /*read_only=*/true);
  EXPECT_THAT(world.krbd.Attach(world.context, world.request),
              StatusIs(Code::kFailedPrecondition, HasSubstr("read-only")));
}

TEST(KrbdTest, FeatureThatTheKernelLacksIsNamed) {
  World world;
  world.request.image_features = 0x1 | 0x200;
  EXPECT_THAT(world.krbd.Attach(world.context, world.request),
              StatusIs(Code::kFailedPrecondition,
                       ::testing::AllOf(HasSubstr("migrating"), HasSubstr("imageFeatures"))));
  EXPECT_THAT(world.kernel.writes(), IsEmpty());
}

TEST(KrbdTest, ErrorsOfMappingHaveTheirMeaning) {
  const std::pair<int, Code> meanings[] = {
      {ENXIO, Code::kFailedPrecondition}, {EACCES, Code::kPermissionDenied},
      {EPERM, Code::kPermissionDenied},   {EINVAL, Code::kInvalidArgument},
      {ENOENT, Code::kNotFound},          {ETIMEDOUT, Code::kUnavailable},
      {EIO, Code::kUnavailable},
  };
  for (const auto& [error, code] : meanings) {
    World world;
    world.kernel.FailNext({error});
    EXPECT_THAT(world.krbd.Attach(world.context, world.request),
                StatusIs(code, HasSubstr("rbd/image")));
  }
}

TEST(KrbdTest, DetachClosesAndUnmapsAndIsRepeatable) {
  World world;
  ASSERT_THAT(world.krbd.Attach(world.context, world.request), IsOk());
  world.key.unmap_options = "noudev,force";
  EXPECT_THAT(world.krbd.Detach(world.context, world.key), IsOk());
  EXPECT_THAT(world.dm_crypt.closed, ElementsAre(kName));
  EXPECT_EQ(world.kernel.writes().back(), "remove_single_major: 0 force");
  EXPECT_THAT(world.krbd.Detach(world.context, world.key), IsOk());
  EXPECT_THAT(world.krbd.Find(world.context, world.key), IsOkAndHolds(Eq(std::nullopt)));
}

TEST(KrbdTest, DetachWaitsWhileTheDeviceIsBusyAndThenGivesUp) {
  World world;
  world.kernel.AddDevice("rbd", "image");
  world.kernel.FailNext({EBUSY, EBUSY});
  EXPECT_THAT(world.krbd.Detach(world.context, world.key), IsOk());
  world.kernel.AddDevice("rbd", "image");
  world.kernel.FailNext(std::vector<int>(1000, EBUSY));
  EXPECT_THAT(world.krbd.Detach(world.context, world.key), StatusIs(Code::kFailedPrecondition));
}

TEST(KrbdTest, FindWantsTheMappingToo) {
  World world;
  world.kernel.AddDevice("rbd", "image");
  EXPECT_THAT(world.krbd.Find(world.context, world.key), IsOkAndHolds(Eq(std::nullopt)));
  ASSERT_THAT(world.krbd.Attach(world.context, world.request), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto found, world.krbd.Find(world.context, world.key));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->device_path, world.kernel.Node(Cat("mapper/", kName)));
}

TEST(KrbdTest, GrowRefreshesTheImageBeforeTheMapping) {
  World world;
  ASSERT_THAT(world.krbd.Attach(world.context, world.request), IsOk());
  EXPECT_THAT(world.krbd.Grow(world.context, world.key, 0), IsOk());
  EXPECT_EQ(world.kernel.writes().back(), "refresh: 1");
  EXPECT_THAT(world.dm_crypt.resized, ElementsAre(kName));
}

// Its 8 KiB are the raw size; of the mapping it is the usable one.
TEST(KrbdTest, ImageThatTheControllerDidNotExpandIsSaid) {
  World world;
  ASSERT_THAT(world.krbd.Attach(world.context, world.request), IsOk());
  EXPECT_THAT(world.krbd.Grow(world.context, world.key, 8192), IsOk());
  EXPECT_THAT(world.dm_crypt.resized, SizeIs(1));
  EXPECT_THAT(world.krbd.Grow(world.context, world.key, 8193),
              StatusIs(Code::kUnavailable, HasSubstr("ControllerExpandVolume")));
  EXPECT_THAT(world.dm_crypt.resized, SizeIs(1));
  EXPECT_FALSE(world.krbd.GrowResizesImage());
}

TEST(KrbdTest, GrowOfWhatIsNotAttachedIsNotFound) {
  World world;
  EXPECT_THAT(world.krbd.Grow(world.context, world.key, 0), StatusIs(Code::kNotFound));
}

TEST(KrbdTest, ModuleThatCannotBeLoadedIsSaid) {
  World world;
  RbdBus nowhere(RbdBus::Options{
      .sysfs_root = "/nonexistent", .dev_root = "/nonexistent", .is_node = {}, .write = {}});
  Krbd krbd({.bus = nowhere, .dm_crypt = world.dm_crypt, .subprocess = world.subprocess});
  world.subprocess.Answer("modprobe", {.exit_code = 1, .standard_error = "Module rbd not found"});
  EXPECT_THAT(krbd.Attach(world.context, world.request),
              StatusIs(Code::kFailedPrecondition, HasSubstr("Module rbd not found")));
}

TEST(KrbdTest, EverySectorSizeOfDmCryptIsTaken) {
  World world;
  for (const std::uint32_t size : {512U, 1024U, 2048U, 4096U}) {
    EXPECT_THAT(world.krbd.SupportsCipher("serpent-xts-plain64", size), IsOk());
  }
  EXPECT_THAT(world.krbd.SupportsCipher("aes-xts-plain64", 8192), StatusIs(Code::kInvalidArgument));
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
