// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/qemu_record.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

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

TEST(QemuRecordTest, IsReadBackAsWritten) {
  const TempDir runtime;
  const std::string folder = QemuFolder(runtime.path(), "0001-volume");
  const QemuRecord record{.volume_id = "0001-volume",
                          .pool = "rbd",
                          .rados_namespace = "tenants",
                          .image = "image",
                          .monitors = {"10.0.0.1", "[::1]:6789"},
                          .user = "csi",
                          .encrypted = true,
                          .read_only = true,
                          .data_offset_bytes = std::uint64_t{16} << 20,
                          .loop_device = "/dev/loop3"};
  ASSERT_THAT(SaveQemuRecord(folder, record), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto read, LoadQemuRecord(folder));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->volume_id, record.volume_id);
  EXPECT_EQ(read->pool, record.pool);
  EXPECT_EQ(read->rados_namespace, record.rados_namespace);
  EXPECT_EQ(read->image, record.image);
  EXPECT_EQ(read->monitors, record.monitors);
  EXPECT_EQ(read->user, record.user);
  EXPECT_TRUE(read->encrypted);
  EXPECT_TRUE(read->read_only);
  EXPECT_EQ(read->data_offset_bytes, record.data_offset_bytes);
  EXPECT_EQ(read->loop_device, record.loop_device);
  EXPECT_TRUE(read->IsComplete());
}

TEST(QemuRecordTest, IsForItsOwnerOnly) {
  const TempDir runtime;
  const std::string folder = runtime.File("volume");
  ASSERT_THAT(SaveQemuRecord(folder, {}), IsOk());

  struct stat status {};

  ASSERT_EQ(stat(folder.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
  ASSERT_EQ(stat((folder + "/state.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST(QemuRecordTest, AnotherVersionsFileIsNotGuessedAt) {
  const TempDir runtime;
  const std::string rest = R"(,"volumeId":"v","pool":"p","radosNamespace":"","image":"i",)"
                           R"("monitors":["m"],"user":"u","loopDevice":""})";
  runtime.Write("state.json", R"({"version":1)" + rest);
  ASSERT_OK_AND_ASSIGN(const auto record, LoadQemuRecord(runtime.path()));
  EXPECT_EQ(record->data_offset_bytes, 0U);
  runtime.Write("state.json", R"({"version":2)" + rest);
  EXPECT_THAT(LoadQemuRecord(runtime.path()), StatusIs(Code::kInternal, HasSubstr("version 2")));
}

TEST(QemuRecordTest, AbsentIsNothingAndBrokenIsAnError) {
  const TempDir runtime;
  EXPECT_THAT(LoadQemuRecord(runtime.File("none")), IsOkAndHolds(Eq(std::nullopt)));
  constexpr char kNegative[] = R"({"version":1,"volumeId":"v","pool":"p","radosNamespace":"",)"
                               R"("image":"i","monitors":["m"],"user":"u","loopDevice":"",)"
                               R"("dataOffsetBytes":-1})";
  for (const char* text : {"", "{", "[]", R"({"volumeId": 7})", kNegative}) {
    runtime.Write("state.json", text);
    EXPECT_THAT(LoadQemuRecord(runtime.path()), StatusIs(Code::kInternal, HasSubstr("state.json")));
  }
}

// sha256sum of "abc", FIPS 180-2 appendix B.1.
TEST(QemuRecordTest, FolderAndTagAreTheSumOfTheVolumeId) {
  constexpr char kSum[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(QemuFolder("/run/x", "abc"), std::string("/run/x/") + kSum);
  EXPECT_EQ(QemuLoopTag("abc"), std::string(kSum).substr(0, 63));
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
