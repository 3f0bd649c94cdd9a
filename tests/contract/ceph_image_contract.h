// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

// The part of ceph_contract.h about images and the trash.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/contract/ceph_world.h"

namespace rbdcrypt::testing {

inline constexpr std::uint64_t kMiB = 1ULL << 20U;

using Sector = std::array<std::byte, rbd::Image::kSectorBytes>;

inline Sector SectorOf(int value) {
  Sector sector;
  sector.fill(static_cast<std::byte>(value));
  return sector;
}

inline std::vector<std::byte> Bytes(std::size_t count, int value) {
  return std::vector<std::byte>(count, static_cast<std::byte>(value));
}

// One image of 32 MiB, open for writing by the first client.
class CephImageContract : public CephContract {
 protected:
  void SetUp() override {
    ASSERT_THAT(pool().images().Create(name(), {.size_bytes = 32 * kMiB}), IsOk());
    image_ = Open(rbd::OpenMode::kReadWrite);
  }

  std::unique_ptr<rbd::Image> Open(rbd::OpenMode mode) {
    return *pool().images().Open(name(), mode);
  }

  rbd::Image& image() { return *image_; }

  void Close() { image_.reset(); }

  Sector ReadSector(std::uint64_t offset) {
    Sector sector = SectorOf(0xee);
    EXPECT_THAT(image().Read(offset, sector), IsOk());
    return sector;
  }

 private:
  std::unique_ptr<rbd::Image> image_;
};

TEST_P(CephImageContract, ImageCanBeCreatedOnce) {
  EXPECT_THAT(pool().images().Create(name(), {.size_bytes = kMiB}), StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(pool().images().List(), IsOkAndHolds(::testing::Contains(name())));
  EXPECT_THAT(image().SizeBytes(), IsOkAndHolds(32 * kMiB));
  EXPECT_THAT(image().Id(), ::testing::Not(::testing::IsEmpty()));
}

TEST_P(CephImageContract, ImageThatIsNotThereCannotBeOpened) {
  EXPECT_THAT(pool().images().Open(name() + "-other", rbd::OpenMode::kReadWrite),
              StatusIs(Code::kNotFound));
}

TEST_P(CephImageContract, ImageReadsZerosWhereNothingWasWritten) {
  EXPECT_EQ(ReadSector(0), SectorOf(0));
  ASSERT_THAT(image().Write(5 * kMiB + 100, Bytes(10, 7)), IsOk());
  Sector expected = SectorOf(0);
  std::fill_n(expected.begin() + 100, 10, std::byte{7});
  EXPECT_EQ(ReadSector(5 * kMiB), expected);
}

TEST_P(CephImageContract, ImageWritesReachOtherClients) {
  ASSERT_THAT(image().Write(3 * kMiB, Bytes(3 * kMiB, 9)), IsOk());
  ASSERT_THAT(image().Flush(), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto other,
                       second_pool().images().Open(name(), rbd::OpenMode::kReadOnly));
  std::vector<std::byte> read(3 * kMiB);
  ASSERT_THAT(other->Read(3 * kMiB, read), IsOk());
  EXPECT_TRUE(read == Bytes(3 * kMiB, 9));
}

TEST_P(CephImageContract, ImageEndsAtItsSize) {
  std::vector<std::byte> two(2);
  EXPECT_THAT(image().Read(32 * kMiB - 1, two), StatusIs(Code::kOutOfRange));
  EXPECT_THAT(image().Write(32 * kMiB - 1, two), StatusIs(Code::kOutOfRange));
  EXPECT_THAT(image().Read(32 * kMiB - 2, two), IsOk());
}

TEST_P(CephImageContract, ReadOnlyImageRefusesWrites) {
  const auto reader = Open(rbd::OpenMode::kReadOnly);
  EXPECT_THAT(reader->Write(0, Bytes(512, 1)), ::testing::Not(IsOk()));
  EXPECT_THAT(reader->SetMetadata("a", "1"), ::testing::Not(IsOk()));
  EXPECT_EQ(ReadSector(0), SectorOf(0));
}

TEST_P(CephImageContract, CompareAndWriteTakesAbsentDataAsZeros) {
  EXPECT_THAT(image().CompareAndWrite(4096, SectorOf(0), SectorOf(1)), IsOk());
  EXPECT_EQ(ReadSector(4096), SectorOf(1));
}

TEST_P(CephImageContract, CompareAndWriteWritesOnlyWhatItExpected) {
  ASSERT_THAT(image().Write(0, SectorOf(1)), IsOk());
  EXPECT_THAT(image().CompareAndWrite(0, SectorOf(0), SectorOf(2)), StatusIs(Code::kAborted));
  EXPECT_EQ(ReadSector(0), SectorOf(1));
  EXPECT_THAT(image().CompareAndWrite(0, SectorOf(1), SectorOf(2)), IsOk());
  EXPECT_EQ(ReadSector(0), SectorOf(2));
}

TEST_P(CephImageContract, CompareAndWriteSeesTheLastByte) {
  ASSERT_THAT(image().Write(512, SectorOf(1)), IsOk());
  Sector almost = SectorOf(1);
  almost.back() = std::byte{2};
  EXPECT_THAT(image().CompareAndWrite(512, almost, SectorOf(3)), StatusIs(Code::kAborted));
}

TEST_P(CephImageContract, MetadataCanBeSetListedAndRemoved) {
  EXPECT_THAT(image().GetMetadata("rbd.csi.ceph.com/dek"), StatusIs(Code::kNotFound));
  ASSERT_THAT(image().SetMetadata("rbd.csi.ceph.com/dek", "one"), IsOk());
  ASSERT_THAT(image().SetMetadata("rbd.csi.ceph.com/dek", "two"), IsOk());
  ASSERT_THAT(image().SetMetadata("empty", ""), IsOk());
  EXPECT_THAT(image().GetMetadata("rbd.csi.ceph.com/dek"), IsOkAndHolds(std::string("two")));
  EXPECT_THAT(image().GetMetadata("empty"), IsOkAndHolds(std::string()));
  EXPECT_THAT(image().ListMetadata(), IsOkAndHolds(std::map<std::string, std::string>{
                                          {"rbd.csi.ceph.com/dek", "two"}, {"empty", ""}}));
  EXPECT_THAT(image().RemoveMetadata("rbd.csi.ceph.com/dek"), IsOk());
  EXPECT_THAT(image().RemoveMetadata("rbd.csi.ceph.com/dek"), IsOk());
  EXPECT_THAT(image().GetMetadata("rbd.csi.ceph.com/dek"), StatusIs(Code::kNotFound));
}

TEST_P(CephImageContract, WatchersAreThoseWhoHaveItOpenForWriting) {
  const auto reader = Open(rbd::OpenMode::kReadOnly);
  ASSERT_OK_AND_ASSIGN(std::vector<rbd::Watcher> watchers, reader->Watchers());
  ASSERT_THAT(watchers, ::testing::SizeIs(1));
  EXPECT_TRUE(watchers[0].is_self);
  EXPECT_THAT(first().OwnAddresses(), IsOkAndHolds(::testing::Contains(watchers[0].address)));

  ASSERT_OK_AND_ASSIGN(auto other, second_pool().images().Open(name(), rbd::OpenMode::kReadWrite));
  ASSERT_OK_AND_ASSIGN(watchers, reader->Watchers());
  EXPECT_THAT(watchers, ::testing::SizeIs(2));
  EXPECT_EQ(std::count_if(watchers.begin(), watchers.end(),
                          [](const rbd::Watcher& watcher) { return watcher.is_self; }),
            1);
  other.reset();
  Close();
  EXPECT_THAT(reader->Watchers(), IsOkAndHolds(::testing::IsEmpty()));
}

TEST_P(CephImageContract, SnapshotsAreSeen) {
  EXPECT_THAT(image().HasSnapshots(), IsOkAndHolds(false));
  world().TakeSnapshot(name());
  const auto reader = Open(rbd::OpenMode::kReadOnly);
  EXPECT_THAT(reader->HasSnapshots(), IsOkAndHolds(true));
  EXPECT_THAT(reader->Snapshots(), IsOkAndHolds(::testing::SizeIs(1)));
}

TEST_P(CephImageContract, SnapshotHoldsWhatTheImageHeld) {
  ASSERT_THAT(image().Write(0, SectorOf(1)), IsOk());
  world().TakeSnapshot(name());
  ASSERT_THAT(image().Write(0, SectorOf(2)), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto snapshots, Open(rbd::OpenMode::kReadOnly)->Snapshots());
  ASSERT_THAT(snapshots, ::testing::SizeIs(1));
  ASSERT_OK_AND_ASSIGN(const auto then, pool().images().OpenSnapshot(name(), snapshots[0].id));
  Sector sector = SectorOf(0xee);
  ASSERT_THAT(then->Read(0, sector), IsOk());
  EXPECT_EQ(sector, SectorOf(1));
  EXPECT_EQ(ReadSector(0), SectorOf(2));
  EXPECT_THAT(then->SizeBytes(), IsOkAndHolds(32 * kMiB));
  EXPECT_THAT(then->Write(0, SectorOf(3)), ::testing::Not(IsOk()));
  EXPECT_THAT(pool().images().OpenSnapshot(name(), snapshots[0].id + 99),
              StatusIs(Code::kNotFound));
}

// What FirstExtentFrom(from) gives where the first write behind `from` was [written, end): a
// cluster may know where an object ends and not where in it the writing began.
inline void ExpectExtent(const Result<std::optional<rbd::Extent>>& result,
                         std::uint64_t from,
                         std::uint64_t written,
                         std::uint64_t end) {
  ASSERT_THAT(result, IsOk());
  ASSERT_TRUE(result->has_value());
  const rbd::Extent& extent = **result;
  EXPECT_GE(extent.offset_bytes, from);
  EXPECT_LE(extent.offset_bytes, written);
  EXPECT_EQ(extent.offset_bytes + extent.length_bytes, end);
}

TEST_P(CephImageContract, NewImageHasNoExtents) {
  EXPECT_THAT(image().FirstExtentFrom(0), IsOkAndHolds(::testing::Eq(std::nullopt)));
}

TEST_P(CephImageContract, FirstExtentIsTheOneWritten) {
  ASSERT_THAT(image().Write(21 * kMiB, Bytes(8192, 1)), IsOk());
  ASSERT_THAT(image().Write(30 * kMiB, Bytes(4096, 1)), IsOk());
  ExpectExtent(image().FirstExtentFrom(0), 20 * kMiB, 21 * kMiB, 21 * kMiB + 8192);
}

TEST_P(CephImageContract, FirstExtentLooksAtNothingBefore) {
  ASSERT_THAT(image().Write(0, Bytes(2 * kMiB, 1)), IsOk());
  EXPECT_THAT(image().FirstExtentFrom(2 * kMiB), IsOkAndHolds(::testing::Eq(std::nullopt)));
  ASSERT_THAT(image().Write(3 * kMiB, Bytes(4096, 1)), IsOk());
  ExpectExtent(image().FirstExtentFrom(2 * kMiB), 2 * kMiB, 3 * kMiB, 3 * kMiB + 4096);
}

TEST_P(CephImageContract, WrittenZerosAreAnExtent) {
  ASSERT_THAT(image().Write(17 * kMiB, Bytes(4096, 0)), IsOk());
  ExpectExtent(image().FirstExtentFrom(16 * kMiB), 16 * kMiB, 17 * kMiB, 17 * kMiB + 4096);
}

TEST_P(CephImageContract, FeaturesAreThoseOfTheCluster) {
  // Of the cluster's rbd_default_features: layering and exclusive-lock.
  ASSERT_OK_AND_ASSIGN(const std::uint64_t features, image().Features());
  EXPECT_EQ(features & 5, 5U);
}

TEST_P(CephImageContract, GrowNeverShrinks) {
  EXPECT_THAT(image().Grow(32 * kMiB), IsOk());
  EXPECT_THAT(image().Grow(48 * kMiB), IsOk());
  EXPECT_THAT(image().SizeBytes(), IsOkAndHolds(48 * kMiB));
  EXPECT_THAT(image().Grow(48 * kMiB - 1), StatusIs(Code::kOutOfRange));
  EXPECT_THAT(Open(rbd::OpenMode::kReadOnly)->SizeBytes(), IsOkAndHolds(48 * kMiB));
}

TEST_P(CephImageContract, ImageInUseElsewhereDoesNotGoToTheTrash) {
  EXPECT_THAT(second_pool().images().MoveToTrash(name()), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(pool().images().List(), IsOkAndHolds(::testing::Contains(name())));
}

TEST_P(CephImageContract, TrashKeepsNameAndIdUntilPurged) {
  const std::string id = image().Id();
  Close();
  ASSERT_THAT(pool().images().MoveToTrash(name()), IsOk());
  EXPECT_THAT(pool().images().MoveToTrash(name()), StatusIs(Code::kNotFound));
  EXPECT_THAT(pool().images().List(), IsOkAndHolds(::testing::Not(::testing::Contains(name()))));
  const auto is_there = [&] {
    const auto entries = pool().images().ListTrash();
    EXPECT_THAT(entries, IsOk());
    return std::any_of(entries->begin(), entries->end(), [&](const rbd::TrashEntry& entry) {
      return entry.id == id && entry.name == name();
    });
  };
  EXPECT_TRUE(is_there());
  EXPECT_THAT(pool().images().PurgeFromTrash(id), IsOk());
  EXPECT_TRUE(world().Eventually([&] { return !is_there(); }));
  EXPECT_THAT(pool().images().PurgeFromTrash(id), IsOk());
}

TEST_P(CephImageContract, TrashedImageIsReadByItsIdWhileItIsThere) {
  const std::string id = image().Id();
  ASSERT_THAT(image().SetMetadata("rbd.csi.ceph.com/dek", "one"), IsOk());
  ASSERT_THAT(image().Write(0, SectorOf(7)), IsOk());
  Close();
  EXPECT_THAT(pool().images().OpenTrashed(id), StatusIs(Code::kNotFound));
  ASSERT_THAT(pool().images().MoveToTrash(name()), IsOk());
  {
    ASSERT_OK_AND_ASSIGN(const auto trashed, pool().images().OpenTrashed(id));
    EXPECT_EQ(trashed->Id(), id);
    EXPECT_THAT(trashed->GetMetadata("rbd.csi.ceph.com/dek"), IsOkAndHolds(std::string("one")));
    Sector sector = SectorOf(0);
    EXPECT_THAT(trashed->Read(0, sector), IsOk());
    EXPECT_EQ(sector, SectorOf(7));
    EXPECT_THAT(trashed->SetMetadata("a", "1"), ::testing::Not(IsOk()));
    EXPECT_THAT(trashed->Watchers(), IsOkAndHolds(::testing::IsEmpty()));
  }
  EXPECT_THAT(pool().images().PurgeFromTrash(id), IsOk());
  EXPECT_TRUE(world().Eventually(
      [&] { return pool().images().OpenTrashed(id).status().code() == Code::kNotFound; }));
}

}  // namespace rbdcrypt::testing
