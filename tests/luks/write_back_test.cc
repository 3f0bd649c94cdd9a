// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Other writers in the middle of a write-back, who do not take our lock.
#include "rbd/luks/write_back.h"

#include <span>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rbd/luks/binary_header.h"
#include "tests/luks/luks_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd::luks {
namespace {

using testing::FakeHeaderIo;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;

constexpr std::uint64_t kSecondCopy = kDefaultCopyBytes;

// What crypt_load does on a node: overwrites one copy with what the other says.
void RepairFrom(FakeHeaderIo& io, std::uint64_t good, std::uint64_t bad) {
  std::vector<std::byte> copy = io.Peek(good, kDefaultCopyBytes);
  Result<BinaryHeader> header = ParseBinaryHeader(copy);
  RBDCRYPT_CHECK(header.ok());
  header->offset_bytes = bad;
  header->salt.fill(std::byte{0x5a});
  RBDCRYPT_CHECK(SealCopy(bad == 0 ? CopyRole::kFirst : CopyRole::kSecond, *header, copy).ok());
  io.Poke(bad, copy);
}

// Effects of an added slot: 1 first claim, 2 area, 3 flush, 4 rest of the first copy, 5 flush,
// 6 second claim, 7 rest of the second copy, 8 flush.
TEST(WriteBackTest, AddedSlotTakesEightEffects) {
  FakeHeaderIo io = ImageWithK0();
  ASSERT_THAT(AddKey(io, kK0, kK1), IsOk());
  EXPECT_EQ(io.effects(), 8);
}

TEST(WriteBackTest, RepairOfTheFirstCopyInBetweenIsFoundOut) {
  for (const int after : {1, 2, 3}) {
    FakeHeaderIo io = ImageWithK0();
    io.SetHook([&](int effects) {
      if (effects == after) {
        RepairFrom(io, kSecondCopy, 0);
      }
    });
    EXPECT_THAT(AddKey(io, kK0, kK1), StatusIs(Code::kAborted)) << after;
    io.SetHook(nullptr);
    EXPECT_THAT(Opens(io, kK0), IsOkAndHolds(0));
    EXPECT_THAT(AddKey(io, kK0, kK1), IsOkAndHolds(1));
    EXPECT_THAT(Opens(io, kK1), IsOkAndHolds(1));
  }
}

TEST(WriteBackTest, RepairOfTheSecondCopyFromTheNewFirstIsTakenOver) {
  FakeHeaderIo io = ImageWithK0();
  io.SetHook([&](int effects) {
    if (effects == 5) {
      RepairFrom(io, 0, kSecondCopy);
    }
  });
  EXPECT_THAT(AddKey(io, kK0, kK1), IsOkAndHolds(1));
  io.SetHook(nullptr);
  EXPECT_THAT(Opens(io, kK0), IsOkAndHolds(0));
  EXPECT_THAT(Opens(io, kK1), IsOkAndHolds(1));
}

TEST(WriteBackTest, ForeignSecondCopyIsNotOverwritten) {
  FakeHeaderIo io = ImageWithK0();
  const std::vector<std::byte> foreign(kDefaultCopyBytes, std::byte{0x77});
  io.SetHook([&](int effects) {
    if (effects == 5) {
      io.Poke(kSecondCopy, foreign);
    }
  });
  EXPECT_THAT(AddKey(io, kK0, kK1), StatusIs(Code::kAborted, HasSubstr("16384")));
  io.SetHook(nullptr);
  EXPECT_EQ(io.Peek(kSecondCopy, kDefaultCopyBytes), foreign);
  EXPECT_THAT(Opens(io, kK0), IsOkAndHolds(0));
}

TEST(WriteBackTest, AreaGivenAwayAgainIsNotWiped) {
  FakeHeaderIo io = ImageWithK0AndK1();
  constexpr std::uint64_t kSlotZeroArea = 32768;
  // Effects of a drop: 1 claim, 2 rest, 3 flush, 4 claim, 5 rest, 6 flush, then the wipe.
  bool is_inside = false;
  io.SetHook([&](int effects) {
    if (effects == 6 && !std::exchange(is_inside, true)) {
      EXPECT_THAT(AddKey(io, kK1, "of another rotation"), IsOkAndHolds(0));
    }
  });
  EXPECT_THAT(DropSlot(io, 0), StatusIs(Code::kAborted));
  EXPECT_THAT(Opens(io, "of another rotation"), IsOkAndHolds(0));
  EXPECT_NE(io.Peek(kSlotZeroArea, 512), std::vector<std::byte>(512));
}

TEST(WriteBackTest, LoserThatSleptAfterLoadingLeavesTheWinnersSlotAlone) {
  // Both chose the same area; the winner has dropped the old key since.
  FakeHeaderIo io = ImageWithK0();
  const Context context = Context::Background();
  ASSERT_OK_AND_ASSIGN(Header sleeper, Header::Load(context, io));
  ASSERT_THAT(sleeper.AddKeyslot(context, Secret(kK0), Secret("of the sleeper")), IsOkAndHolds(1));
  ASSERT_THAT(AddKey(io, kK0, kK1), IsOkAndHolds(1));
  ASSERT_THAT(DropSlot(io, 0), IsOk());
  EXPECT_THAT(sleeper.WriteBack(context, io), StatusIs(Code::kAborted));
  EXPECT_THAT(Opens(io, kK1), IsOkAndHolds(1));
}

}  // namespace
}  // namespace rbdcrypt::rbd::luks
