// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/dm_crypt.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Writes what sysfs says of a device-mapper device over `slave`.
void AddMapping(const TempDir& sysfs, const std::string& name, const std::string& slave) {
  sysfs.Write("block/dm-1/dm/name", name + "\n");
  sysfs.Write("block/dm-1/dm/uuid", "CRYPT-LUKS2-0123456789abcdef-" + name + "\n");
  sysfs.Write("block/dm-1/ro", "1\n");
  std::filesystem::create_directories(sysfs.File("block/dm-1/slaves"));
  std::filesystem::create_directory_symlink(sysfs.File("block/" + slave),
                                            sysfs.File("block/dm-1/slaves/" + slave));
}

TEST(DmCryptTest, MappingIsNamedAsCephCsiNamesIt) {
  EXPECT_EQ(MappingName("0001-0009-rook-ceph"), "luks-rbd-0001-0009-rook-ceph");
}

TEST(DmCryptTest, FindTellsTheDeviceBelow) {
  const TempDir sysfs;
  sysfs.Write("block/rbd3/size", "8\n");
  sysfs.Write("block/dm-0/dm/name", "another\n");
  AddMapping(sysfs, "luks-rbd-x", "rbd3");
  CryptsetupDmCrypt dm_crypt(sysfs.path());
  ASSERT_OK_AND_ASSIGN(const auto mapping, dm_crypt.Find("luks-rbd-x"));
  ASSERT_TRUE(mapping.has_value());
  EXPECT_THAT(mapping->backing, ElementsAre("rbd3"));
  EXPECT_TRUE(mapping->is_luks);
  EXPECT_TRUE(mapping->read_only);
  EXPECT_THAT(dm_crypt.Find("luks-rbd-y"), IsOkAndHolds(Eq(std::nullopt)));
}

TEST(DmCryptTest, DeviceThatWasTakenAwayIsNotBelow) {
  const TempDir sysfs;
  AddMapping(sysfs, "luks-rbd-x", "rbd3");
  CryptsetupDmCrypt dm_crypt(sysfs.path());
  ASSERT_OK_AND_ASSIGN(const auto mapping, dm_crypt.Find("luks-rbd-x"));
  ASSERT_TRUE(mapping.has_value());
  EXPECT_THAT(mapping->backing, IsEmpty());
}

TEST(DmCryptTest, UnreadableSysfsIsNoAbsence) {
  CryptsetupDmCrypt dm_crypt("/nonexistent");
  EXPECT_THAT(dm_crypt.Find("luks-rbd-x"), StatusIs(Code::kNotFound, HasSubstr("/nonexistent")));
}

// Safety A4, D1: it would be closed, or a second one made.
TEST(DmCryptTest, MappingThatCannotBeReadIsNoAbsence) {
  for (const char* file : {"dm/name", "dm/uuid", "ro"}) {
    const TempDir sysfs;
    sysfs.Write("block/rbd3/size", "8\n");
    AddMapping(sysfs, "luks-rbd-x", "rbd3");
    const std::string path = sysfs.File(Cat("block/dm-1/", file));
    std::filesystem::remove(path);
    std::filesystem::create_directory(path);
    CryptsetupDmCrypt dm_crypt(sysfs.path());
    EXPECT_THAT(dm_crypt.Find("luks-rbd-x"), StatusIs(Code::kUnavailable, HasSubstr(file)));
  }
}

TEST(DmCryptTest, DeviceBelowThatCannotBeLookedAtIsNotGone) {
  const TempDir sysfs;
  AddMapping(sysfs, "luks-rbd-x", "rbd3");
  std::filesystem::create_directory_symlink(sysfs.File("block/rbd3"), sysfs.File("block/rbd3"));
  CryptsetupDmCrypt looping(sysfs.path());
  EXPECT_THAT(looping.Find("luks-rbd-x"), StatusIs(Code::kUnavailable, HasSubstr("rbd3")));
  std::filesystem::remove_all(sysfs.File("block/dm-1/slaves"));
  sysfs.Write("block/dm-1/slaves", "no folder");
  EXPECT_THAT(looping.Find("luks-rbd-x"), StatusIs(Code::kUnavailable, HasSubstr("slaves")));
}

TEST(DmCryptTest, MappingThatVanishesWhileItIsLookedAtIsAbsent) {
  const TempDir sysfs;
  AddMapping(sysfs, "luks-rbd-x", "rbd3");
  std::filesystem::remove_all(sysfs.File("block/dm-1/slaves"));
  CryptsetupDmCrypt dm_crypt(sysfs.path());
  EXPECT_THAT(dm_crypt.Find("luks-rbd-x"), IsOkAndHolds(Eq(std::nullopt)));
}

TEST(DmCryptTest, HeaderThatIsAbsentOrDamagedIsDataLossAndTheTextSaysWhich) {
  const TempDir folder;
  CryptsetupDmCrypt dm_crypt;
  const Secret dek(std::string_view("passphrase"));
  std::string content(std::size_t{32} << 20, '\0');
  const std::string device = folder.Write("device", content);
  const ActivateRequest request{.device = device, .name = "luks-rbd-test", .dek = dek};
  EXPECT_THAT(dm_crypt.Activate(Context::Background(), request),
              StatusIs(Code::kDataLoss, HasSubstr("no LUKS header")));
  content.replace(0, 8, std::string_view("LUKS\xba\xbe\0\2", 8));
  folder.Write("device", content);
  EXPECT_THAT(dm_crypt.Activate(Context::Background(), request),
              StatusIs(Code::kDataLoss, HasSubstr("damaged LUKS2 header")));
  EXPECT_EQ(folder.Read("device"), content);
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
