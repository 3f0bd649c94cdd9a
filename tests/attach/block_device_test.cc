// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/block_device.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::testing::HasSubstr;

std::string With(std::string_view magic, std::size_t offset) {
  std::string content(std::size_t{1} << 16, '\0');
  return content.replace(offset, magic.size(), magic);
}

TEST(BlockDeviceTest, SizeOfAFileIsItsLength) {
  const TempDir folder;
  EXPECT_THAT(DeviceSize(folder.Write("disk", std::string(1234, 'x'))), IsOkAndHolds(1234U));
  EXPECT_THAT(DeviceSize(folder.File("none")), StatusIs(Code::kNotFound));
}

TEST(BlockDeviceTest, EitherCopyOfALuksHeaderIsSeen) {
  const TempDir folder;
  EXPECT_THAT(HasLuksMagic(folder.Write("zeroes", With("", 0))), IsOkAndHolds(false));
  EXPECT_THAT(HasLuksMagic(folder.Write("first", With("LUKS\xba\xbe", 0))), IsOkAndHolds(true));
  EXPECT_THAT(HasLuksMagic(folder.Write("second", With("SKUL\xba\xbe", 0x4000))),
              IsOkAndHolds(true));
  EXPECT_THAT(HasLuksMagic(folder.Write("elsewhere", With("LUKS\xba\xbe", 512))),
              IsOkAndHolds(false));
  EXPECT_THAT(HasLuksMagic(folder.Write("short", "LU")), IsOkAndHolds(false));
}

TEST(BlockDeviceTest, ErrorOfReadingIsNoBlankDevice) {
  const TempDir folder;
  // A folder opens but does not read.
  EXPECT_THAT(HasLuksMagic(folder.path()), StatusIs(Code::kUnavailable));
}

TEST(BlockDeviceTest, PlainUseIsRefusedForLuksOnly) {
  const TempDir folder;
  EXPECT_THAT(RefusePlainUseOfLuks(folder.Write("zeroes", With("", 0))), IsOk());
  EXPECT_THAT(RefusePlainUseOfLuks(folder.Write("luks", With("LUKS\xba\xbe", 0))),
              StatusIs(Code::kFailedPrecondition, HasSubstr("KMS ID")));
}

TEST(BlockDeviceTest, ReadableIsWhatAnswers) {
  const TempDir folder;
  EXPECT_THAT(CheckReadable(folder.Write("disk", With("", 0))), IsOk());
  EXPECT_THAT(CheckReadable(folder.File("none")), StatusIs(Code::kNotFound));
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
