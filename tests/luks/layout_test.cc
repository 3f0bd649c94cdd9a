// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/layout.h"

#include <algorithm>
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

using ::testing::HasSubstr;
using testing::StatusIs;

constexpr std::size_t kCopy = kDefaultCopyBytes;

// Copies of another size around the JSON of ImageWithK0, the second at `copy_bytes`.
std::vector<std::byte> CopiesOfSize(std::uint64_t copy_bytes) {
  std::string json = JsonOf(CopiesWithK0());
  json.replace(json.find("12288"), 5, std::to_string(copy_bytes - 4096));
  json.replace(json.find("\"32768\""), 7, "\"" + std::to_string(2 * copy_bytes) + "\"");
  json.replace(json.find("16744448"), 8, "1048576");
  json.replace(json.find("16777216"), 8, "33554432");
  std::vector<std::byte> copies(2 * copy_bytes);
  for (const CopyRole role : {CopyRole::kFirst, CopyRole::kSecond}) {
    BinaryHeader header;
    header.copy_bytes = copy_bytes;
    header.sequence = 5;
    header.offset_bytes = role == CopyRole::kFirst ? 0 : copy_bytes;
    const auto copy = std::span(copies).subspan(header.offset_bytes, copy_bytes);
    std::ranges::copy(std::as_bytes(std::span(json)), copy.begin() + kBinaryHeaderBytes);
    RBDCRYPT_CHECK(SealCopy(role, header, copy).ok());
  }
  return copies;
}

TEST(LayoutTest, BothCopiesOfAWholeHeaderAreCurrent) {
  const Inspection found = Inspect(CopiesWithK0());
  ASSERT_EQ(found.state, HeaderState::kLuks2);
  EXPECT_EQ(found.uuid, kUuid);
  EXPECT_TRUE(found.layout->copies[0].is_current);
  EXPECT_TRUE(found.layout->copies[1].is_current);
  EXPECT_THAT(CheckIsLuks2(found), testing::IsOk());
}

TEST(LayoutTest, EveryFlippedByteOfOneCopyLeavesTheOther) {
  const std::vector<std::byte> good = CopiesWithK0();
  ASSERT_EQ(Inspect(good).layout->sequence, 2U);
  for (std::size_t i = 0; i < 4096; ++i) {
    for (const std::size_t copy : {std::size_t{0}, kCopy}) {
      std::vector<std::byte> bad = good;
      bad[copy + i] ^= std::byte{0x81};
      const Inspection found = Inspect(std::move(bad));
      ASSERT_EQ(found.state, HeaderState::kLuks2) << copy + i;
      ASSERT_EQ(found.layout->sequence, 2U) << copy + i;
      ASSERT_EQ(found.layout->metadata.keyslots.size(), 1U) << copy + i;
    }
  }
}

TEST(LayoutTest, EveryFlippedByteOfTheOnlyCopyIsDamageOrHarmless) {
  std::vector<std::byte> alone = CopiesWithK0();
  alone.resize(kCopy);
  for (std::size_t i = 0; i < 4096; ++i) {
    std::vector<std::byte> bad = alone;
    bad[i] ^= std::byte{0x81};
    const Inspection found = Inspect(std::move(bad));
    if (found.state == HeaderState::kLuks2) {
      ASSERT_TRUE(i >= 448 + 32 && i < 512) << i;
    } else if (i < 6) {
      ASSERT_EQ(found.state, HeaderState::kForeign) << i;
    } else {
      ASSERT_EQ(found.state, HeaderState::kDamaged) << i;
    }
  }
}

TEST(LayoutTest, EveryCutIsSurvived) {
  const std::vector<std::byte> good = CopiesWithK0();
  for (std::size_t size = 0; size <= good.size(); size += size < 4200 ? 1 : 61) {
    const Inspection found = Inspect({good.begin(), good.begin() + static_cast<long>(size)});
    EXPECT_EQ(found.state == HeaderState::kLuks2, size >= kCopy) << size;
  }
}

TEST(LayoutTest, HigherSequenceNumberCounts) {
  for (const std::size_t newer : {std::size_t{0}, kCopy}) {
    std::vector<std::byte> mixed = CopiesWithK0();
    const std::vector<std::byte> seventh = SealedCopies(JsonOf(mixed));
    std::copy_n(seventh.begin() + static_cast<long>(newer), kCopy,
                mixed.begin() + static_cast<long>(newer));
    const Inspection found = Inspect(mixed);
    ASSERT_EQ(found.state, HeaderState::kLuks2);
    EXPECT_EQ(found.layout->sequence, 7U);
    EXPECT_EQ(found.layout->copies[0].is_current, newer == 0);
    EXPECT_EQ(found.layout->copies[1].is_current, newer != 0);
    EXPECT_TRUE(found.layout->copies[0].verifies && found.layout->copies[1].verifies);
  }
}

TEST(LayoutTest, SameSequenceNumberWithOtherContentIsNotCurrent) {
  std::string json = JsonOf(CopiesWithK0());
  std::vector<std::byte> mixed = SealedCopies(json);
  json.replace(json.find("\"tokens\":{}"), 11, "\"tokens\":{ }");
  const std::vector<std::byte> other = SealedCopies(json);
  std::copy(other.begin() + kCopy, other.end(), mixed.begin() + kCopy);
  const Inspection found = Inspect(mixed);
  ASSERT_EQ(found.state, HeaderState::kLuks2);
  EXPECT_TRUE(found.layout->copies[0].is_current);
  EXPECT_FALSE(found.layout->copies[1].is_current);
}

TEST(LayoutTest, SecondCopyIsFoundAtEverySizeOfTheFormat) {
  for (std::uint64_t size = kSmallestCopyBytes; size <= kLargestCopyBytes; size *= 2) {
    std::vector<std::byte> copies = CopiesOfSize(size);
    EXPECT_EQ(BytesToInspect(copies), 2 * size);
    ASSERT_EQ(Inspect(copies).state, HeaderState::kLuks2) << size;
    std::fill_n(copies.begin(), 4096, std::byte{0});
    EXPECT_EQ(BytesToInspect(copies), kInspectBytes);
    const Inspection found = Inspect(std::move(copies));
    ASSERT_EQ(found.state, HeaderState::kLuks2) << size;
    EXPECT_EQ(found.layout->copy_bytes, size);
    EXPECT_EQ(found.layout->copies[1].offset_bytes, size);
  }
}

TEST(LayoutTest, ZerosForeignDataAndDamageAreToldApart) {
  EXPECT_EQ(Inspect({}).state, HeaderState::kEmpty);
  EXPECT_EQ(Inspect(std::vector<std::byte>(65536)).state, HeaderState::kEmpty);
  std::vector<std::byte> foreign(65536);
  foreign.back() = std::byte{1};
  EXPECT_EQ(Inspect(foreign).state, HeaderState::kForeign);
  std::vector<std::byte> damaged = CopiesWithK0();
  damaged[5000] ^= std::byte{1};
  damaged[kCopy + 5000] ^= std::byte{1};
  const Inspection found = Inspect(damaged);
  EXPECT_EQ(found.state, HeaderState::kDamaged);
  EXPECT_EQ(found.uuid, kUuid);
  EXPECT_THAT(CheckIsLuks2(found), StatusIs(Code::kDataLoss, HasSubstr("copy at 16384")));
  EXPECT_THAT(CheckIsLuks2(Inspect({})), StatusIs(Code::kFailedPrecondition, HasSubstr("zeros")));
}

TEST(LayoutTest, MagicAloneIsDamageAndItsUuidIsRead) {
  std::vector<std::byte> claimed = CopiesWithK0();
  std::fill(claimed.begin() + 512, claimed.end(), std::byte{0});
  const Inspection found = Inspect(claimed);
  EXPECT_EQ(found.state, HeaderState::kDamaged);
  EXPECT_EQ(found.uuid, kUuid);
}

TEST(LayoutTest, LuksOneIsRecognisedAndRefused) {
  std::vector<std::byte> head = CopiesWithK0();
  std::fill(head.begin() + kCopy, head.end(), std::byte{0});
  head[7] = std::byte{1};
  const Inspection found = Inspect(head);
  EXPECT_EQ(found.state, HeaderState::kLuks1);
  EXPECT_THAT(CheckIsLuks2(found), StatusIs(Code::kFailedPrecondition, HasSubstr("LUKS1")));
}

TEST(LayoutTest, DetachedHeaderIsRecognisedAndRefused) {
  std::string json = JsonOf(CopiesWithK0());
  json.replace(json.find("\"16777216\""), 10, "\"0\"");
  const Inspection found = Inspect(SealedCopies(json));
  EXPECT_EQ(found.state, HeaderState::kDetached);
  EXPECT_THAT(CheckIsLuks2(found), StatusIs(Code::kFailedPrecondition, HasSubstr("detached")));
}

TEST(LayoutTest, SlotWithoutDigestIsNotUsable) {
  std::string json = JsonOf(CopiesWithK0());
  const std::size_t digest = json.find("\"digests\"");
  json.replace(json.find("\"0\"", json.find("\"keyslots\"", digest)), 3, "");
  const Inspection found = Inspect(SealedCopies(json));
  ASSERT_EQ(found.state, HeaderState::kLuks2) << found.problem;
  const Keyslot* const slot = found.layout->FindKeyslot(0);
  ASSERT_NE(slot, nullptr);
  EXPECT_FALSE(found.layout->IsUsable(*slot));
  EXPECT_EQ(found.layout->KeyBytes(), std::nullopt);
}

}  // namespace
}  // namespace rbdcrypt::rbd::luks
