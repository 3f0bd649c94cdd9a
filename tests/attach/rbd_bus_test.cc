// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/rbd_bus.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/attach/fake_rbd_kernel.h"
#include "tests/attach/no_more_files.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd::attach {
namespace {

namespace fs = std::filesystem;

using ::rbdcrypt::testing::FakeClock;
using ::rbdcrypt::testing::FakeRbdKernel;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::rbdcrypt::testing::WithoutFiles;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(RbdBusTest, ListsDevicesByNumberNotByName) {
  FakeRbdKernel kernel;
  for (int i = 0; i < 11; ++i) {
    kernel.AddDevice("rbd", "image-" + std::to_string(i), i == 10);
  }
  ASSERT_OK_AND_ASSIGN(const auto devices, kernel.bus().List());
  ASSERT_EQ(devices.size(), 11U);
  EXPECT_EQ(devices[2].image, "image-2");
  EXPECT_EQ(devices[2].cluster_fsid, "cluster-1");
  EXPECT_EQ(devices[10].Name(), "rbd10");
  EXPECT_EQ(devices[10].minor, "160");
  EXPECT_TRUE(devices[10].read_only);
  EXPECT_FALSE(devices[9].read_only);
}

TEST(RbdBusTest, WithoutTheModuleNothingIsListed) {
  const TempDir empty;
  const RbdBus bus(RbdBus::Options{
      .sysfs_root = empty.path(), .dev_root = empty.path(), .is_node = {}, .write = {}});
  EXPECT_FALSE(bus.Exists());
  EXPECT_THAT(bus.List(), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(bus.SupportedFeatures(), IsOkAndHolds(0U));
}

TEST(RbdBusTest, DeviceThatVanishesWhileItIsLookedAtIsSkipped) {
  FakeRbdKernel kernel;
  kernel.AddDevice("rbd", "image");
  fs::create_directory_symlink("nowhere", kernel.SysfsRoot() + "/bus/rbd/devices/7");
  kernel.AddDevice("rbd", "half-gone");
  fs::remove(kernel.SysfsRoot() + "/bus/rbd/devices/1/major");
  EXPECT_THAT(kernel.bus().List(),
              IsOkAndHolds(ElementsAre(::testing::Field(&RbdDevice::image, "image"))));
}

// Safety A4.
TEST(RbdBusTest, DevicesThatCannotBeReadAreAnError) {
  FakeRbdKernel kernel;
  kernel.AddDevice("rbd", "image");
  EXPECT_THAT(WithoutFiles([&] { return kernel.bus().List(); }), StatusIs(Code::kUnavailable));
  EXPECT_THAT(WithoutFiles([&] { return kernel.bus().SupportedFeatures(); }),
              StatusIs(Code::kUnavailable));
  for (const char* file : {"pool", "pool_ns"}) {
    const std::string path = Cat(kernel.SysfsRoot(), "/bus/rbd/devices/0/", file);
    fs::rename(path, path + ".good");
    fs::create_directory(path);
    EXPECT_THAT(kernel.bus().List(), StatusIs(Code::kUnavailable, HasSubstr(path)));
    fs::remove(path);
    fs::rename(path + ".good", path);
  }
}

TEST(RbdBusTest, OldNamesAreWrittenWhereTheNewAreMissing) {
  const TempDir sysfs;
  std::vector<std::string> paths;
  const RbdBus bus(RbdBus::Options{.sysfs_root = sysfs.path(),
                                   .dev_root = "/dev",
                                   .is_node = {},
                                   .write = [&](const std::string& path, std::string_view) {
                                     paths.push_back(path);
                                     return 0;
                                   }});
  EXPECT_EQ(bus.Add("request"), 0);
  EXPECT_THAT(paths, ElementsAre(sysfs.File("bus/rbd/add")));
}

TEST(RbdBusTest, NodeThatNeverAppearsIsThePreconditionOfAHostsDev) {
  FakeRbdKernel kernel;
  FakeClock clock;
  const Context context({.clock = &clock});
  RbdDevice device;
  device.id = "7";
  EXPECT_THAT(kernel.bus().WaitForNode(context, device),
              StatusIs(Code::kFailedPrecondition, HasSubstr("/dev")));
}

TEST(RbdBusTest, NodeIsGivenWhenThere) {
  FakeRbdKernel kernel;
  kernel.AddDevice("rbd", "image");
  EXPECT_THAT(kernel.bus().WaitForNode(Context::Background(), kernel.bus().List()->front()),
              IsOkAndHolds(kernel.Node("rbd0")));
}

TEST(RbdBusTest, FeaturesAreNamedAsImageFeaturesSpellsThem) {
  EXPECT_EQ(FeatureNames(0), "");
  EXPECT_EQ(FeatureNames(0x3d), "layering,exclusive-lock,object-map,fast-diff,deep-flatten");
  EXPECT_EQ(FeatureNames(std::uint64_t{1} << 40), "bit-40");
}

TEST(RbdBusTest, SupportedFeaturesAreReadAsHexadecimal) {
  FakeRbdKernel kernel;
  EXPECT_THAT(kernel.bus().SupportedFeatures(), IsOkAndHolds(0x1ffU));
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
