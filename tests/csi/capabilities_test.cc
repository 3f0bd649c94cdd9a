// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/capabilities.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::csi {
namespace {

namespace pb = ::csi::v1;

using rbdcrypt::testing::IsOk;
using rbdcrypt::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

pb::VolumeCapability Mount(const std::string& fs_type) {
  pb::VolumeCapability capability;
  capability.mutable_mount()->set_fs_type(fs_type);
  capability.mutable_access_mode()->set_mode(pb::VolumeCapability::AccessMode::SINGLE_NODE_WRITER);
  return capability;
}

TEST(CapabilitiesTest, ReadsAMount) {
  pb::VolumeCapability capability = Mount("xfs");
  capability.mutable_mount()->add_mount_flags("noatime");
  ASSERT_OK_AND_ASSIGN(const VolumeAccess access, ReadCapability(capability));
  EXPECT_FALSE(access.is_block);
  EXPECT_EQ(access.fs_type, "xfs");
  EXPECT_THAT(access.mount_flags, ElementsAre("noatime"));
  EXPECT_EQ(access.mode, AccessMode::kSingleNodeWriter);
}

TEST(CapabilitiesTest, RefusesWhatIsMalformed) {
  pb::VolumeCapability no_type;
  no_type.mutable_access_mode()->set_mode(pb::VolumeCapability::AccessMode::SINGLE_NODE_WRITER);
  EXPECT_THAT(ReadCapability(no_type),
              StatusIs(Code::kInvalidArgument, HasSubstr("neither block nor mount")));

  pb::VolumeCapability no_mode;
  no_mode.mutable_block();
  EXPECT_THAT(ReadCapability(no_mode), StatusIs(Code::kInvalidArgument, HasSubstr("mode")));

  pb::VolumeCapability new_mode = no_mode;
  new_mode.mutable_access_mode()->set_mode(static_cast<pb::VolumeCapability::AccessMode::Mode>(8));
  EXPECT_THAT(ReadCapability(new_mode), StatusIs(Code::kInvalidArgument, HasSubstr("8")));

  pb::VolumeCapability grouped = Mount("");
  grouped.mutable_mount()->set_volume_mount_group("1000");
  EXPECT_THAT(ReadCapability(grouped),
              StatusIs(Code::kInvalidArgument, HasSubstr("volume_mount_group")));

  pb::VolumeCapability many_flags = Mount("");
  for (int count = 0; count < 5; ++count) {
    many_flags.mutable_mount()->add_mount_flags(std::string(1000, 'x'));
  }
  EXPECT_THAT(ReadCapability(many_flags),
              StatusIs(Code::kInvalidArgument, HasSubstr("mount_flags")));

  pb::VolumeCapability empty_flag = Mount("");
  empty_flag.mutable_mount()->add_mount_flags("");
  EXPECT_THAT(ReadCapability(empty_flag),
              StatusIs(Code::kInvalidArgument, HasSubstr("mount_flags")));
}

TEST(CapabilitiesTest, OffersWhatCephCsiOffers) {
  enum class Expected { kNo, kOnlyExisting, kYes };

  const struct {
    AccessMode mode;
    Expected mount;
    Expected block;
  } kRows[] = {
      {AccessMode::kSingleNodeWriter, Expected::kYes, Expected::kYes},
      {AccessMode::kSingleNodeReaderOnly, Expected::kOnlyExisting, Expected::kOnlyExisting},
      {AccessMode::kMultiNodeReaderOnly, Expected::kOnlyExisting, Expected::kOnlyExisting},
      {AccessMode::kMultiNodeSingleWriter, Expected::kNo, Expected::kNo},
      {AccessMode::kMultiNodeMultiWriter, Expected::kNo, Expected::kYes},
      {AccessMode::kSingleNodeSingleWriter, Expected::kYes, Expected::kYes},
      {AccessMode::kSingleNodeMultiWriter, Expected::kYes, Expected::kYes},
  };

  for (const auto& row : kRows) {
    for (const bool is_block : {false, true}) {
      const Expected expected = is_block ? row.block : row.mount;
      VolumeAccess access;
      access.is_block = is_block;
      access.mode = row.mode;
      EXPECT_EQ(CheckOffered(access).ok(), expected != Expected::kNo)
          << ModeName(row.mode) << " block " << is_block;
      EXPECT_EQ(CheckForNewVolume(access).ok(), expected == Expected::kYes)
          << ModeName(row.mode) << " block " << is_block;
    }
  }
}

TEST(CapabilitiesTest, OnlyTwoFileSystemsAreOffered) {
  for (const char* fs_type : {"", "ext4", "xfs"}) {
    ASSERT_OK_AND_ASSIGN(const VolumeAccess access, ReadCapability(Mount(fs_type)));
    EXPECT_THAT(CheckOffered(access), IsOk()) << fs_type;
  }
  for (const char* fs_type : {"btrfs", "ext3", "EXT4", "nfs", "ext4 "}) {
    ASSERT_OK_AND_ASSIGN(const VolumeAccess access, ReadCapability(Mount(fs_type)));
    EXPECT_THAT(CheckOffered(access), StatusIs(Code::kInvalidArgument, HasSubstr("fs_type")))
        << fs_type;
  }
}

TEST(CapabilitiesTest, ModesNameThemselvesAsTheProtoDoes) {
  for (int mode = 1; mode <= 7; ++mode) {
    EXPECT_EQ(ModeName(static_cast<AccessMode>(mode)),
              pb::VolumeCapability::AccessMode::Mode_Name(mode));
  }
}

}  // namespace
}  // namespace rbdcrypt::csi
