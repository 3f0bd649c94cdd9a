// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Headers that ceph-csi and cryptsetup left on images, see tests/vectors/luks/SOURCE.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rbd/luks/header.h"
#include "tests/luks/luks_world.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd::luks {
namespace {

using testing::FakeHeaderIo;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;
using testing::TempDir;

constexpr std::string_view kStagedKey = "07mwuHt1LlKI5Osv_nyaJwJNWFg=";
constexpr std::string_view kRotatedKey = "3u3V0kETjMwVFSCmOpNBMgBLg9k=";
constexpr std::string_view kKilledKey = "9tqbIGUpUJe9-MpQp8LXHAO6Ing=";

TEST(RecordedTest, StagedVolumeOpensAndIsAsDescribed) {
  FakeHeaderIo io = RecordedImage("staged.zlib");
  ASSERT_OK_AND_ASSIGN(Header header, Header::Load(Context::Background(), io));
  EXPECT_EQ(header.DataOffsetBytes(), 16U * 1024 * 1024);
  EXPECT_EQ(header.layout().sequence, 3U);
  const Keyslot* const slot = header.layout().FindKeyslot(0);
  ASSERT_NE(slot, nullptr);
  EXPECT_EQ(slot->kdf.type, "argon2id");
  EXPECT_EQ(slot->kdf.memory_kib, 32768U);
  EXPECT_EQ(slot->kdf.cost, 9U);
  EXPECT_EQ(slot->area, (ByteRange{32768, 258048}));
  EXPECT_THAT(header.TestPassphrase(Context::Background(), Secret(kStagedKey)), IsOkAndHolds(0));
  EXPECT_THAT(header.TestPassphrase(Context::Background(), Secret(kRotatedKey)),
              StatusIs(Code::kUnauthenticated));
}

TEST(RecordedTest, StagedVolumeRotatesToACheapSlotAndBack) {
  FakeHeaderIo io = RecordedImage("staged.zlib");
  ASSERT_THAT(AddKey(io, kStagedKey, kK1), IsOkAndHolds(1));
  ASSERT_THAT(DropSlot(io, 0), IsOk());
  EXPECT_THAT(Opens(io, kK1), IsOkAndHolds(1));
  EXPECT_THAT(Opens(io, kStagedKey), StatusIs(Code::kUnauthenticated));
  EXPECT_THAT(AddKey(io, kK1, kK0), IsOkAndHolds(0));
}

TEST(RecordedTest, ExpensiveSlotOfARotationOpensWhereMemoryAllows) {
  FakeHeaderIo io = RecordedImage("rotated.zlib");
  ASSERT_OK_AND_ASSIGN(Header header, Header::Load(Context::Background(), io));
  ASSERT_GT(header.layout().FindKeyslot(0)->kdf.memory_kib * 1024, kCheapKdfBytes);
  EXPECT_THAT(header.TestPassphrase(Context::Background(), Secret(kRotatedKey)), IsOkAndHolds(0));
}

TEST(RecordedTest, ExpensiveSlotIsRefusedWithWordsWhereMemoryIsShort) {
  const TempDir root;
  root.Write("proc/meminfo", "MemTotal: 262144 kB\nMemAvailable: 102400 kB\n");
  MemoryGate gate(root.path());
  FakeHeaderIo io = RecordedImage("rotated.zlib");
  ASSERT_OK_AND_ASSIGN(Header header, Header::Load(Context::Background(), io, gate));
  EXPECT_THAT(header.TestPassphrase(Context::Background(), Secret(kRotatedKey)),
              StatusIs(Code::kUnavailable, HasSubstr("keyslot 0")));
}

TEST(RecordedTest, CheapSlotSparesTheExpensiveOne) {
  FakeHeaderIo io = RecordedImage("rotated.zlib");
  ASSERT_THAT(AddKey(io, kRotatedKey, kK1), IsOkAndHolds(1));
  const TempDir root;
  root.Write("proc/meminfo", "MemAvailable: 102400 kB\n");
  MemoryGate gate(root.path());
  EXPECT_THAT(ProveOpens(Context::Background(), io, Secret(kK1), gate), IsOkAndHolds(1));
  EXPECT_THAT(ProveOpens(Context::Background(), io, Secret(kWrong), gate),
              StatusIs(Code::kUnavailable));
}

TEST(RecordedTest, KilledRotationOpensInSlotOneByNumber) {
  FakeHeaderIo io = RecordedImage("rotation-killed.zlib");
  ASSERT_OK_AND_ASSIGN(Header header, Header::Load(Context::Background(), io));
  ASSERT_EQ(header.layout().metadata.keyslots.size(), 2U);
  const Context context = Context::Background();
  EXPECT_THAT(header.OpensSlot(context, Secret(kKilledKey), 0), IsOkAndHolds(false));
  EXPECT_THAT(header.OpensSlot(context, Secret(kKilledKey), 1), IsOkAndHolds(true));
  EXPECT_THAT(header.TestPassphrase(context, Secret(kKilledKey)), IsOkAndHolds(1));
  EXPECT_THAT(header.AddKeyslot(context, Secret(kKilledKey), Secret(kK1)),
              StatusIs(Code::kResourceExhausted));
}

}  // namespace
}  // namespace rbdcrypt::rbd::luks
