// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/header.h"

#include <span>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rbd/luks/binary_header.h"
#include "tests/luks/luks_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd::luks {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using testing::FakeHeaderIo;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::Not;
using testing::StatusIs;

const Context& Background() {
  static const Context context = Context::Background();
  return context;
}

TEST(HeaderTest, FormatMakesWhatCephCsiFindsOnKrbd) {
  FakeHeaderIo io = ImageWithK0();
  ASSERT_OK_AND_ASSIGN(const Header header, Header::Load(Background(), io));
  EXPECT_EQ(header.uuid(), kUuid);
  EXPECT_EQ(header.DataOffsetBytes(), 16U * 1024 * 1024);
  const Layout& layout = header.layout();
  EXPECT_EQ(layout.copy_bytes, 16U * 1024);
  EXPECT_EQ(layout.metadata.keyslots_bytes, 16744448U);
  ASSERT_EQ(layout.metadata.segments.size(), 1U);
  EXPECT_EQ(layout.metadata.segments[0].cipher, "aes-xts-plain64");
  EXPECT_EQ(layout.metadata.segments[0].sector_bytes, 512U);
  EXPECT_EQ(layout.metadata.segments[0].size_bytes, std::nullopt);
  EXPECT_THAT(layout.UsedExtents(),
              ElementsAre(ByteRange{0, 16384}, ByteRange{16384, 16384}, ByteRange{32768, 258048}));
  EXPECT_EQ(layout.KeyBytes(), 64U);
}

TEST(HeaderTest, RandomKeysCostThousandIterationsInSlotAndDigest) {
  FakeHeaderIo io = ImageWithK0AndK1();
  ASSERT_OK_AND_ASSIGN(const Header header, Header::Load(Background(), io));
  for (const Keyslot& slot : header.layout().metadata.keyslots) {
    EXPECT_EQ(slot.kdf.type, "pbkdf2");
    EXPECT_EQ(slot.kdf.cost, 1000U);
  }
  ASSERT_EQ(header.layout().metadata.digests.size(), 1U);
  EXPECT_EQ(header.layout().metadata.digests[0].iterations, 1000U);
}

TEST(HeaderTest, HumanPassphraseGetsArgon2WithinThirtyTwoMebibytes) {
  FakeHeaderIo io;
  ASSERT_OK_AND_ASSIGN(const Inspection found, InspectImage(Background(), io));
  FormatOptions options;
  options.kdf = KdfProfile::kHumanPassphrase;
  ASSERT_OK_AND_ASSIGN(Header header, Header::Format(found, options, Secret("test passphrase")));
  const Keyslot* const slot = header.layout().FindKeyslot(0);
  ASSERT_NE(slot, nullptr);
  EXPECT_EQ(slot->kdf.type, "argon2id");
  EXPECT_EQ(slot->kdf.memory_kib, 32768U);
  ASSERT_THAT(header.WriteBack(Background(), io), IsOk());
  EXPECT_THAT(Opens(io, "test passphrase"), IsOkAndHolds(0));
}

TEST(HeaderTest, FormatTakesCipherKeySizeAndSectorSize) {
  for (const CipherSpec& cipher :
       {CipherSpec{"serpent-xts-plain64", 512, 4096}, CipherSpec{"aes-xts-plain64", 256, 2048}}) {
    FakeHeaderIo io;
    ASSERT_OK_AND_ASSIGN(const Inspection found, InspectImage(Background(), io));
    ASSERT_OK_AND_ASSIGN(Header made,
                         Header::Format(found, FormatOptions{.cipher = cipher}, Secret(kK0)));
    ASSERT_THAT(made.WriteBack(Background(), io), IsOk());
    ASSERT_OK_AND_ASSIGN(Header header, Header::Load(Background(), io));
    const Segment& segment = header.layout().metadata.segments.at(0);
    EXPECT_EQ(segment.cipher, cipher.name);
    EXPECT_EQ(segment.sector_bytes, cipher.sector_bytes);
    ASSERT_OK_AND_ASSIGN(const Secret key, header.VolumeKey(Background(), Secret(kK0)));
    EXPECT_EQ(key.size(), cipher.KeyBytes());
  }
}

TEST(HeaderTest, FormatRefusesAnImageThatIsNotBlankUnlessTold) {
  FakeHeaderIo io = ImageWithK0();
  ASSERT_OK_AND_ASSIGN(const Inspection found, InspectImage(Background(), io));
  EXPECT_THAT(Header::Format(found, {}, Secret(kK1)),
              StatusIs(Code::kFailedPrecondition, HasSubstr("not blank")));
  ASSERT_OK_AND_ASSIGN(Header header,
                       Header::Format(found, {.replace_existing = true}, Secret(kK1)));
  ASSERT_THAT(header.WriteBack(Background(), io), IsOk());
  EXPECT_THAT(Opens(io, kK1), IsOkAndHolds(0));
  EXPECT_THAT(Opens(io, kK0), StatusIs(Code::kUnauthenticated));
}

TEST(HeaderTest, FormatRefusesBadOptions) {
  FakeHeaderIo io;
  ASSERT_OK_AND_ASSIGN(const Inspection found, InspectImage(Background(), io));
  EXPECT_THAT(Header::Format(found, {}, Secret()),
              StatusIs(Code::kInvalidArgument, HasSubstr("passphrase")));
  EXPECT_THAT(Header::Format(found, {.uuid = "volume-1"}, Secret(kK0)),
              StatusIs(Code::kInvalidArgument, HasSubstr("volume-1")));
}

TEST(HeaderTest, FormatRefusesAnImageWithoutRoomForData) {
  FakeHeaderIo io(16 * 1024 * 1024);
  EXPECT_THAT(FormatImage(io, kK0), StatusIs(Code::kOutOfRange, HasSubstr("no room")));
  EXPECT_EQ(io.effects(), 0);
}

TEST(HeaderTest, FormatLosesAgainstAnotherFormatAndWritesNothing) {
  FakeHeaderIo io;
  ASSERT_OK_AND_ASSIGN(const Inspection found, InspectImage(Background(), io));
  ASSERT_OK_AND_ASSIGN(Header late, Header::Format(found, {}, Secret(kK1)));
  ASSERT_THAT(FormatImage(io, kK0), IsOk());
  const int effects = io.effects();
  EXPECT_THAT(late.WriteBack(Background(), io), StatusIs(Code::kAborted, HasSubstr("load")));
  EXPECT_EQ(io.effects(), effects);
  EXPECT_THAT(Opens(io, kK0), IsOkAndHolds(0));
}

TEST(HeaderTest, AddedKeyOpensItsSlotAndOldKeyStays) {
  FakeHeaderIo io = ImageWithK0();
  EXPECT_THAT(AddKey(io, kK0, kK1), IsOkAndHolds(1));
  ASSERT_OK_AND_ASSIGN(Header header, Header::Load(Background(), io));
  EXPECT_THAT(header.OpensSlot(Background(), Secret(kK0), 0), IsOkAndHolds(true));
  EXPECT_THAT(header.OpensSlot(Background(), Secret(kK1), 1), IsOkAndHolds(true));
  EXPECT_THAT(header.OpensSlot(Background(), Secret(kK1), 0), IsOkAndHolds(false));
  EXPECT_THAT(header.OpensSlot(Background(), Secret(kK1), 7), IsOkAndHolds(false));
}

TEST(HeaderTest, BothKeysGiveTheSameVolumeKey) {
  FakeHeaderIo io = ImageWithK0AndK1();
  ASSERT_OK_AND_ASSIGN(Header header, Header::Load(Background(), io));
  ASSERT_OK_AND_ASSIGN(const Secret by_k0, header.VolumeKey(Background(), Secret(kK0)));
  ASSERT_OK_AND_ASSIGN(const Secret by_k1, header.VolumeKey(Background(), Secret(kK1)));
  EXPECT_TRUE(SameSecret(by_k0, by_k1));
}

TEST(HeaderTest, WrongKeyIsUnauthenticatedEverywhere) {
  FakeHeaderIo io = ImageWithK0();
  ASSERT_OK_AND_ASSIGN(Header header, Header::Load(Background(), io));
  EXPECT_THAT(header.TestPassphrase(Background(), Secret(kWrong)),
              StatusIs(Code::kUnauthenticated, Not(HasSubstr(std::string(kWrong)))));
  EXPECT_THAT(header.AddKeyslot(Background(), Secret(kWrong), Secret(kK1)),
              StatusIs(Code::kUnauthenticated));
  EXPECT_THAT(header.VolumeKey(Background(), Secret(kWrong)), StatusIs(Code::kUnauthenticated));
}

TEST(HeaderTest, AddRefusesAnEmptyKey) {
  FakeHeaderIo io = ImageWithK0();
  ASSERT_OK_AND_ASSIGN(Header header, Header::Load(Background(), io));
  EXPECT_THAT(header.AddKeyslot(Background(), Secret(kK0), Secret()),
              StatusIs(Code::kInvalidArgument));
}

TEST(HeaderTest, ThirdKeyFindsNoSlot) {
  FakeHeaderIo io = ImageWithK0AndK1();
  EXPECT_THAT(AddKey(io, kK0, "a third"), StatusIs(Code::kResourceExhausted, HasSubstr("0 and 1")));
}

TEST(HeaderTest, DroppedSlotIsNotReusedBeforeItIsWrittenBack) {
  FakeHeaderIo io = ImageWithK0AndK1();
  ASSERT_OK_AND_ASSIGN(Header header, Header::Load(Background(), io));
  ASSERT_THAT(header.DropKeyslot(0), IsOk());
  EXPECT_THAT(header.AddKeyslot(Background(), Secret(kK1), Secret("next")),
              StatusIs(Code::kResourceExhausted, HasSubstr("write the dropped one back")));
  ASSERT_THAT(header.WriteBack(Background(), io), IsOk());
  EXPECT_THAT(header.AddKeyslot(Background(), Secret(kK1), Secret("next")), IsOkAndHolds(0));
  ASSERT_THAT(header.WriteBack(Background(), io), IsOk());
  EXPECT_THAT(Opens(io, "next"), IsOkAndHolds(0));
  EXPECT_THAT(Opens(io, kK1), IsOkAndHolds(1));
}

TEST(HeaderTest, DroppedSlotIsWipedAndItsKeyOpensNothing) {
  FakeHeaderIo io = ImageWithK0AndK1();
  ASSERT_THAT(DropSlot(io, 0), IsOk());
  EXPECT_THAT(Opens(io, kK1), IsOkAndHolds(1));
  EXPECT_THAT(Opens(io, kK0), StatusIs(Code::kUnauthenticated));
  EXPECT_THAT(io.Peek(32768, 258048), Each(std::byte{0}));
}

TEST(HeaderTest, LastUsableSlotIsKept) {
  FakeHeaderIo io = ImageWithK0AndK1();
  ASSERT_OK_AND_ASSIGN(Header header, Header::Load(Background(), io));
  ASSERT_THAT(header.DropKeyslot(1), IsOk());
  EXPECT_THAT(header.DropKeyslot(0), StatusIs(Code::kFailedPrecondition, HasSubstr("last usable")));
  EXPECT_THAT(header.TestPassphrase(Background(), Secret(kK0)), IsOkAndHolds(0));
}

TEST(HeaderTest, OnlyOurSlotsAreDropped) {
  FakeHeaderIo io = ImageWithK0();
  ASSERT_OK_AND_ASSIGN(Header header, Header::Load(Background(), io));
  EXPECT_THAT(header.DropKeyslot(2), StatusIs(Code::kInvalidArgument, HasSubstr("administrator")));
  EXPECT_THAT(header.DropKeyslot(-1), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(header.DropKeyslot(1), StatusIs(Code::kNotFound));
}

TEST(HeaderTest, EditsForbiddenByTheHeaderAreRefused) {
  FakeHeaderIo io = ImageWithK0();
  std::string json = JsonOf(CopiesWithK0());
  const std::string_view config = R"("config":{)";
  json.insert(json.find(config) + config.size(),
              R"("requirements":{"mandatory":["written-by-the-future"]},)");
  io.Poke(0, SealedCopies(json));
  ASSERT_OK_AND_ASSIGN(Header header, Header::Load(Background(), io));
  EXPECT_THAT(header.DropKeyslot(0),
              StatusIs(Code::kFailedPrecondition, HasSubstr("written-by-the-future")));
  EXPECT_THAT(header.AddKeyslot(Background(), Secret(kK0), Secret(kK1)),
              StatusIs(Code::kFailedPrecondition, HasSubstr("written-by-the-future")));
}

TEST(HeaderTest, HeaderWithoutKeyslotsSaysSo) {
  FakeHeaderIo io;
  ASSERT_OK_AND_ASSIGN(const std::vector<std::byte> copies,
                       ComposeBlankHeader({}, std::string(kUuid), Secret(64), 1));
  io.Poke(0, copies);
  EXPECT_THAT(Opens(io, kK0), StatusIs(Code::kFailedPrecondition, HasSubstr("no usable keyslot")));
}

TEST(HeaderTest, LoserOfTheRaceIsAbortedAndChangesNothing) {
  FakeHeaderIo io = ImageWithK0();
  ASSERT_OK_AND_ASSIGN(Header late, Header::Load(Background(), io));
  ASSERT_THAT(late.AddKeyslot(Background(), Secret(kK0), Secret("of the loser")), IsOk());
  ASSERT_THAT(AddKey(io, kK0, kK1), IsOk());
  const std::vector<std::byte> before = io.Peek(0, 1024 * 1024);
  EXPECT_THAT(late.WriteBack(Background(), io), StatusIs(Code::kAborted, HasSubstr("load")));
  EXPECT_EQ(io.Peek(0, 1024 * 1024), before);
  EXPECT_THAT(Opens(io, kK1), IsOkAndHolds(1));
}

TEST(HeaderTest, OnlyTheHeadersExtentsAreWritten) {
  FakeHeaderIo io = ImageWithK0();
  const std::vector<std::byte> rest(1024 * 1024, std::byte{0xa5});
  io.Poke(548864, rest);
  ASSERT_THAT(AddKey(io, kK0, kK1), IsOk());
  ASSERT_THAT(DropSlot(io, 0), IsOk());
  EXPECT_EQ(io.Peek(548864, rest.size()), rest);
}

TEST(HeaderTest, EitherCopyAloneOpensAndIsRepairedByTheNextEdit) {
  for (const std::uint64_t damaged : {0U, 16384U}) {
    FakeHeaderIo io = ImageWithK0();
    FlipBit(io, damaged + 5000);
    ASSERT_THAT(Opens(io, kK0), IsOkAndHolds(0));
    ASSERT_THAT(AddKey(io, kK0, kK1), IsOkAndHolds(1));
    ASSERT_OK_AND_ASSIGN(const Inspection found, InspectImage(Background(), io));
    ASSERT_TRUE(found.layout.has_value());
    EXPECT_TRUE(found.layout->copies[0].is_current);
    EXPECT_TRUE(found.layout->copies[1].is_current);
  }
}

TEST(HeaderTest, OverwrittenFirstCopyOpensByTheSecond) {
  FakeHeaderIo io = ImageWithK0();
  io.Poke(0, std::vector<std::byte>(16384));
  EXPECT_THAT(Opens(io, kK0), IsOkAndHolds(0));
  EXPECT_THAT(AddKey(io, kK0, kK1), IsOkAndHolds(1));
  EXPECT_THAT(Opens(io, kK1), IsOkAndHolds(1));
}

TEST(HeaderTest, LoadWritesNothingEvenIfACopyIsDamaged) {
  FakeHeaderIo io = ImageWithK0();
  FlipBit(io, 5000);
  ASSERT_THAT(Opens(io, kK0), IsOk());
  EXPECT_EQ(io.effects(), 0);
}

TEST(HeaderTest, StaleCopyIsNotLoaded) {
  FakeHeaderIo io = ImageWithK0AndK1();
  const std::vector<std::byte> stale = io.Peek(16384, 16384);
  ASSERT_THAT(DropSlot(io, 0), IsOk());
  io.Poke(16384, stale);
  EXPECT_THAT(Opens(io, kK0), StatusIs(Code::kUnauthenticated));
  EXPECT_THAT(Opens(io, kK1), IsOkAndHolds(1));
}

TEST(HeaderTest, BothCopiesDamagedIsDataLoss) {
  FakeHeaderIo io = ImageWithK0();
  FlipBit(io, 5000);
  FlipBit(io, 16384 + 5000);
  EXPECT_THAT(Opens(io, kK0), StatusIs(Code::kDataLoss, HasSubstr("checksum")));
}

TEST(HeaderTest, HeaderBeyondTheImageIsDataLoss) {
  FakeHeaderIo io(8 * 1024 * 1024);
  io.Poke(0, CopiesWithK0());
  EXPECT_THAT(Opens(io, kK0), StatusIs(Code::kDataLoss, HasSubstr("beyond the image")));
}

TEST(HeaderTest, WhatLibcryptsetupRefusesIsDataLoss) {
  FakeHeaderIo io = ImageWithK0();
  // A reencryption that no keyslot keeps the state of.
  std::string json = JsonOf(CopiesWithK0());
  const std::string_view config = R"("config":{)";
  json.insert(json.find(config) + config.size(),
              R"("requirements":{"mandatory":["online-reencrypt-v2"]},)");
  io.Poke(0, SealedCopies(json));
  EXPECT_THAT(Opens(io, kK0), StatusIs(Code::kDataLoss, HasSubstr("crypt_load refuses")));
}

TEST(HeaderTest, BlankAndForeignImagesAreNotLuks) {
  FakeHeaderIo io;
  EXPECT_THAT(Opens(io, kK0), StatusIs(Code::kFailedPrecondition, HasSubstr("zeros")));
  io.Poke(1024, std::vector<std::byte>(1024, std::byte{0x53}));
  EXPECT_THAT(Opens(io, kK0), StatusIs(Code::kFailedPrecondition, HasSubstr("other data")));
}

TEST(HeaderTest, ReadingErrorIsNotEmptiness) {
  FakeHeaderIo io;
  io.StopAfter(0);
  EXPECT_THAT(InspectImage(Background(), io), StatusIs(Code::kUnavailable));
}

TEST(HeaderTest, CancelledCallDoesNothing) {
  FakeHeaderIo io = ImageWithK0();
  const Context cancelled({.clock = &Background().clock(), .is_cancelled = [] { return true; }});
  EXPECT_THAT(Header::Load(cancelled, io), StatusIs(Code::kCancelled));
  ASSERT_OK_AND_ASSIGN(Header header, Header::Load(Background(), io));
  EXPECT_THAT(header.WriteBack(cancelled, io), StatusIs(Code::kCancelled));
  EXPECT_EQ(io.effects(), 0);
}

TEST(HeaderTest, LargerCopiesOfOthersAreReplacedAndForgotten) {
  // A header with copies of 512 KiB: its second one lies where a new header never writes.
  constexpr std::uint64_t kOldCopyBytes = 512 * 1024;
  FakeHeaderIo io;
  std::string json = JsonOf(SealedCopies(JsonOf(CopiesWithK0())));
  const auto replace = [&](std::string_view from, std::string_view to) {
    json.replace(json.find(from), from.size(), to);
  };
  replace("12288", "520192");
  replace("16744448", "15728640");
  replace("\"32768\"", "\"1048576\"");
  std::vector<std::byte> copy(kOldCopyBytes);
  for (const std::uint64_t offset : {std::uint64_t{0}, kOldCopyBytes}) {
    BinaryHeader header;
    header.copy_bytes = kOldCopyBytes;
    header.sequence = 40;
    header.offset_bytes = offset;
    const auto text = std::as_bytes(std::span(json));
    std::copy(text.begin(), text.end(), copy.begin() + kBinaryHeaderBytes);
    ASSERT_THAT(SealCopy(offset == 0 ? CopyRole::kFirst : CopyRole::kSecond, header, copy), IsOk());
    io.Poke(offset, copy);
  }
  ASSERT_OK_AND_ASSIGN(const Inspection found, InspectImage(Background(), io));
  ASSERT_EQ(found.state, HeaderState::kLuks2);
  ASSERT_OK_AND_ASSIGN(Header header,
                       Header::Format(found, {.replace_existing = true}, Secret(kK0)));
  ASSERT_THAT(header.WriteBack(Background(), io), IsOk());
  EXPECT_THAT(io.Peek(kOldCopyBytes, 512), Each(std::byte{0}));
  EXPECT_GT(header.layout().sequence, 40U);
  EXPECT_THAT(Opens(io, kK0), IsOkAndHolds(0));
}

}  // namespace
}  // namespace rbdcrypt::rbd::luks
