// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Safety G3 for every crash: after any effect of a write-back, with any part of what was not
// flushed lost, a header is left that every key valid before, or every one valid after, opens.
#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crash_point.h"
#include "rbd/luks/crash_points.h"
#include "rbd/luks/header.h"
#include "tests/luks/luks_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd::luks {
namespace {

using testing::FakeHeaderIo;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::Loss;
using testing::StatusIs;

using Keys = std::vector<std::string_view>;

// One edit of an image, and which keys open it before and after.
struct Edit {
  FakeHeaderIo image;
  Keys before;
  Keys after;
  std::function<Status(HeaderIo&)> run;
};

struct Crash {
  Loss loss;
  std::uint32_t seed;
};

// All that can differ where something was not flushed.
std::vector<Crash> CrashesOf(const FakeHeaderIo& io) {
  if (!io.has_unflushed()) {
    return {{Loss::kNothing, 0}};
  }
  std::vector<Crash> crashes = {{Loss::kNothing, 0}, {Loss::kAll, 0}};
  for (std::uint32_t seed = 1; seed <= 4; ++seed) {
    crashes.push_back({Loss::kSome, seed});
  }
  return crashes;
}

// Whether exactly `keys` open the image, each a slot of its own: no slot of the header is broken.
bool IsOpenedBy(const FakeHeaderIo& image, const Keys& keys) {
  FakeHeaderIo io = image;
  const Context context = Context::Background();
  Result<Header> header = Header::Load(context, io);
  if (!header.ok() || header->layout().metadata.keyslots.size() != keys.size()) {
    return false;
  }
  const auto opens = [&](std::string_view key) {
    return header->TestPassphrase(context, Secret(key)).ok();
  };
  return std::ranges::all_of(keys, opens);
}

// Stops `edit` after each effect, loses what was not flushed in every way, and looks what is left.
void CrashEverywhere(const Edit& edit) {
  FakeHeaderIo whole = edit.image;
  ASSERT_THAT(edit.run(whole), IsOk());
  ASSERT_TRUE(IsOpenedBy(whole, edit.after));
  for (int effects = 0; effects < whole.effects(); ++effects) {
    FakeHeaderIo io = edit.image;
    io.StopAfter(effects);
    ASSERT_THAT(edit.run(io), StatusIs(Code::kUnavailable));
    for (const Crash& crash : CrashesOf(io)) {
      FakeHeaderIo left = io.AfterCrash(crash.loss, crash.seed);
      const bool is_done = IsOpenedBy(left, edit.after);
      EXPECT_TRUE(is_done || IsOpenedBy(left, edit.before))
          << "after effect " << effects << ", seed " << crash.seed;
      // The next run ends where this one would have.
      if (!is_done) {
        EXPECT_THAT(edit.run(left), IsOk());
        EXPECT_TRUE(IsOpenedBy(left, edit.after));
      }
    }
  }
}

Status AddK1(HeaderIo& io) {
  return AddKey(io, kK0, kK1).status();
}

Status DropK0(HeaderIo& io) {
  return DropSlot(io, 0);
}

TEST(HeaderCrashTest, AddedSlot) {
  CrashEverywhere({ImageWithK0(), {kK0}, {kK0, kK1}, AddK1});
}

TEST(HeaderCrashTest, DroppedSlot) {
  CrashEverywhere({ImageWithK0AndK1(), {kK0, kK1}, {kK1}, DropK0});
}

TEST(HeaderCrashTest, AddedSlotWhereOnlyTheFirstCopyVerified) {
  FakeHeaderIo image = ImageWithK0();
  FlipBit(image, 16384 + 5000);
  CrashEverywhere({image, {kK0}, {kK0, kK1}, AddK1});
}

TEST(HeaderCrashTest, AddedSlotWhereOnlyTheSecondCopyVerified) {
  FakeHeaderIo image = ImageWithK0();
  FlipBit(image, 5000);
  CrashEverywhere({image, {kK0}, {kK0, kK1}, AddK1});
}

TEST(HeaderCrashTest, DroppedSlotWhereTheFirstCopyWasStale) {
  const std::vector<std::byte> stale = ImageWithK0().Peek(0, 16384);
  FakeHeaderIo image = ImageWithK0AndK1();
  image.Poke(0, stale);
  CrashEverywhere({image, {kK0, kK1}, {kK1}, DropK0});
}

TEST(HeaderCrashTest, DroppedSlotWhereTheSecondCopyWasStale) {
  const std::vector<std::byte> stale = ImageWithK0().Peek(16384, 16384);
  FakeHeaderIo image = ImageWithK0AndK1();
  image.Poke(16384, stale);
  CrashEverywhere({image, {kK0, kK1}, {kK1}, DropK0});
}

// Formats anew whatever the last try left, as the volume's create does (safety A2).
Status FormatAnyway(HeaderIo& io) {
  const Context context = Context::Background();
  ASSIGN_OR_RETURN(const Inspection found, InspectImage(context, io));
  FormatOptions options{.uuid = std::string(kUuid), .replace_existing = true};
  ASSIGN_OR_RETURN(Header header, Header::Format(found, options, Secret(kK1)));
  return header.WriteBack(context, io);
}

TEST(HeaderCrashTest, FreshFormatIsMarkedByItsUuidOrBlank) {
  FakeHeaderIo whole;
  ASSERT_THAT(FormatAnyway(whole), IsOk());
  for (int effects = 0; effects < whole.effects(); ++effects) {
    FakeHeaderIo io;
    io.StopAfter(effects);
    ASSERT_THAT(FormatAnyway(io), StatusIs(Code::kUnavailable));
    for (const Crash& crash : CrashesOf(io)) {
      FakeHeaderIo left = io.AfterCrash(crash.loss, crash.seed);
      ASSERT_OK_AND_ASSIGN(const Inspection found, InspectImage(Context::Background(), left));
      EXPECT_TRUE(found.state == HeaderState::kEmpty || found.uuid == kUuid)
          << "after effect " << effects << ", seed " << crash.seed;
      EXPECT_THAT(FormatAnyway(left), IsOk());
      EXPECT_THAT(Opens(left, kK1), IsOkAndHolds(0));
    }
  }
}

TEST(HeaderCrashTest, FormatOverAHeaderNobodyOpensEndsInTheNewOne) {
  // The old header's sequence number is above any that a new one begins with.
  FakeHeaderIo edited = ImageWithK0AndK1();
  ASSERT_THAT(DropSlot(edited, 1), IsOk());
  const FakeHeaderIo old = edited.AfterCrash(Loss::kAll);
  FakeHeaderIo whole = old;
  ASSERT_THAT(FormatAnyway(whole), IsOk());
  for (int effects = 0; effects < whole.effects(); ++effects) {
    FakeHeaderIo io = old;
    io.StopAfter(effects);
    ASSERT_THAT(FormatAnyway(io), StatusIs(Code::kUnavailable));
    for (const Crash& crash : CrashesOf(io)) {
      FakeHeaderIo left = io.AfterCrash(crash.loss, crash.seed);
      EXPECT_THAT(FormatAnyway(left), IsOk());
      EXPECT_THAT(Opens(left, kK1), IsOkAndHolds(0)) << "after effect " << effects;
    }
  }
}

TEST(HeaderCrashTest, FreshFormatIsAClaimAndOneWriteEachFlushed) {
  FakeHeaderIo io;
  ASSERT_THAT(FormatAnyway(io), IsOk());
  EXPECT_EQ(io.effects(), 4);
}

#ifdef RBDCRYPT_CRASH_POINTS
std::vector<std::string> PointsPassedBy(FakeHeaderIo io,
                                        const std::function<Status(HeaderIo&)>& run) {
  std::vector<std::string> passed;
  ObserveCrashPointsForTest(
      [](void* names, std::string_view name) {
        static_cast<std::vector<std::string>*>(names)->emplace_back(name);
      },
      &passed);
  const Status status = run(io);
  ObserveCrashPointsForTest(nullptr, nullptr);
  EXPECT_THAT(status, IsOk());
  return passed;
}

TEST(HeaderCrashTest, WriteBackPassesItsCrashPointsInOrder) {
  std::vector<std::string> points(kCrashPoints.begin(), kCrashPoints.end());
  std::erase(points, "header.whole");
  EXPECT_EQ(PointsPassedBy(ImageWithK0AndK1(), DropK0), points);
}

TEST(HeaderCrashTest, WriteBackToABlankImagePassesTwoCrashPoints) {
  EXPECT_THAT(PointsPassedBy(FakeHeaderIo(), FormatAnyway),
              ::testing::ElementsAre("header.first-claim", "header.whole"));
}
#endif

}  // namespace
}  // namespace rbdcrypt::rbd::luks
