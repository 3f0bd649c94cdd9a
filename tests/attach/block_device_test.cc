// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/block_device.h"

#include <string>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/handle.h"
#include "tests/attach/no_more_files.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::rbdcrypt::testing::WithoutFiles;
using ::testing::HasSubstr;
using ::testing::Not;

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

TEST(BlockDeviceTest, DeadIsWhatSaysSo) {
  const TempDir folder;
  EXPECT_THAT(IsAlive(folder.Write("disk", With("", 0))), IsOkAndHolds(true));
  // Nothing is at address 0 of a process: EIO.
  EXPECT_THAT(IsAlive("/proc/self/mem"), IsOkAndHolds(false));
  // A socket's node does not open: ENXIO.
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = folder.File("socket");
  ASSERT_LT(path.copy(address.sun_path, sizeof(address.sun_path) - 1), sizeof(address.sun_path));
  ASSERT_EQ(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_THAT(IsAlive(path), IsOkAndHolds(false));
}

// Safety A4.
TEST(BlockDeviceTest, AnyOtherFailureIsAnErrorAndNoDeadDevice) {
  const TempDir folder;
  const std::string disk = folder.Write("disk", With("", 0));
  EXPECT_THAT(IsAlive(folder.File("none")), StatusIs(Code::kNotFound));
  EXPECT_THAT(IsAlive(folder.path()), StatusIs(Code::kUnavailable));
  EXPECT_THAT(WithoutFiles([&] { return IsAlive(disk); }), Not(IsOk()));
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
