// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// What the fake cluster can do beyond a real one (tests/contract holds it to the rest): die, fail
// and call hooks at a named effect.
#include "tests/fakes/fake_cluster.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint64_t kImageBytes = 8ULL << 20U;

rbd::Credentials User(const std::string& key = "") {
  return {.user = "csi", .key = Secret(std::string_view(key))};
}

class FakeClusterTest : public ::testing::Test {
 protected:
  std::unique_ptr<rbd::Pool> Open(FakeProcess& process) {
    connections_.push_back(*process.Shared({}, User()));
    return *connections_.back()->OpenPool("rbd", "");
  }

  FakeClock clock_;
  FakeCeph ceph_{clock_};
  std::unique_ptr<FakeProcess> process_ = ceph_.StartProcess();

 private:
  std::vector<std::shared_ptr<rbd::Connection>> connections_;
};

TEST_F(FakeClusterTest, ListsEffectsInOrderAndNothingElse) {
  const auto pool = Open(*process_);
  ASSERT_THAT(pool->omap().SetNew("o", "a", "1"), IsOk());
  EXPECT_THAT(pool->omap().SetNew("o", "a", "2"), StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(pool->omap().RemoveObject("other"), IsOk());
  ASSERT_THAT(pool->images().Create("i", {.size_bytes = kImageBytes}), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto image, pool->images().Open("i", rbd::OpenMode::kReadWrite));
  ASSERT_THAT(image->Write(0, std::vector<std::byte>(4096)), IsOk());
  ASSERT_THAT(image->SetMetadata("rbd.csi.ceph.com/encrypted", "encrypted"), IsOk());
  EXPECT_THAT(ceph_.effects(), ElementsAre("omap.set o a", "image.create i", "image.write 0+4096",
                                           "image.metadata rbd.csi.ceph.com/encrypted"));
}

TEST_F(FakeClusterTest, AdministratorsHandLeavesNoEffect) {
  process_->FailAfterEffects(0);
  EXPECT_THAT(ceph_.Admin().omap().Set("o", {{"a", "1"}}), IsOk());
  EXPECT_THAT(ceph_.effects(), IsEmpty());
  EXPECT_THAT(ceph_.Objects(), SizeIs(1));
}

TEST_F(FakeClusterTest, LastEffectIsLostOrLandsUnanswered) {
  for (const LastEffect last : {LastEffect::kIsLost, LastEffect::kLands}) {
    FakeCeph ceph(clock_);
    const auto process = ceph.StartProcess();
    const auto pool = Open(*process);
    process->FailAfterEffects(1, last);
    EXPECT_THAT(pool->omap().Set("one", {}), IsOk());
    EXPECT_FALSE(process->IsDead());
    EXPECT_THAT(pool->omap().Set("two", {}), StatusIs(Code::kUnavailable));
    EXPECT_TRUE(process->IsDead());
    EXPECT_EQ(ceph.Objects().contains("two"), last == LastEffect::kLands);
    EXPECT_THAT(pool->omap().Set("three", {}), StatusIs(Code::kUnavailable));
    EXPECT_THAT(pool->omap().ObjectExists("one"), StatusIs(Code::kUnavailable));
    EXPECT_THAT(process->Exclusive({}, User()), StatusIs(Code::kUnavailable));
    EXPECT_FALSE(ceph.Objects().contains("three"));
  }
}

TEST_F(FakeClusterTest, DeathTakesAllConnectionsOfOneProcessOnly) {
  const auto other_process = ceph_.StartProcess();
  const auto other = Open(*other_process);
  ASSERT_OK_AND_ASSIGN(const auto exclusive, process_->Exclusive({}, User()));
  process_->Kill();
  EXPECT_THAT(exclusive->PoolId("rbd"), StatusIs(Code::kUnavailable));
  EXPECT_THAT(other->omap().Set("o", {}), IsOk());
}

TEST_F(FakeClusterTest, RevivedProcessHasNewConnections) {
  const auto old = Open(*process_);
  process_->FailAfterEffects(0);
  process_->Revive();
  EXPECT_FALSE(process_->IsDead());
  EXPECT_THAT(Open(*process_)->omap().Set("o", {}), IsOk());
  EXPECT_THAT(old->omap().Set("o", {}), StatusIs(Code::kUnavailable));
}

TEST_F(FakeClusterTest, LocksOfTheDeadStayUntilTheyRunOut) {
  const rbd::LockName lock{.object = "o", .name = "n", .cookie = "c", .description = ""};
  ASSERT_THAT(Open(*process_)->locks().Acquire(lock, std::chrono::seconds(180), {"note", ""}),
              IsOk());
  process_->Revive();
  EXPECT_THAT(Open(*process_)->locks().Acquire(lock, std::chrono::seconds(180), {"note", ""}),
              StatusIs(Code::kAborted));
  clock_.Advance(std::chrono::seconds(180));
  EXPECT_THAT(Open(*process_)->locks().Acquire(lock, std::chrono::seconds(180), {"note", ""}),
              IsOk());
}

TEST_F(FakeClusterTest, WatchersOfTheDeadVanishAfterHalfAMinuteOrAtOnce) {
  rbd::ImageStore& images = ceph_.Admin().images();
  ASSERT_THAT(images.Create("i", {.size_bytes = kImageBytes}), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto reader, images.Open("i", rbd::OpenMode::kReadOnly));
  auto pool = Open(*process_);
  ASSERT_OK_AND_ASSIGN(auto image, pool->images().Open("i", rbd::OpenMode::kReadWrite));
  process_->Revive();
  image.reset();
  EXPECT_THAT(reader->Watchers(), IsOkAndHolds(SizeIs(1)));
  clock_.Advance(std::chrono::seconds(29));
  EXPECT_THAT(reader->Watchers(), IsOkAndHolds(SizeIs(1)));
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_THAT(reader->Watchers(), IsOkAndHolds(IsEmpty()));

  pool = Open(*process_);
  ASSERT_OK_AND_ASSIGN(image, pool->images().Open("i", rbd::OpenMode::kReadWrite));
  process_->Revive(DeadWatchers::kGone);
  EXPECT_THAT(reader->Watchers(), IsOkAndHolds(IsEmpty()));
}

TEST_F(FakeClusterTest, HookRunsAfterEachEffectButNotInItself) {
  const auto pool = Open(*process_);
  const auto other_process = ceph_.StartProcess();
  const auto other = Open(*other_process);
  std::vector<std::string> seen;
  ceph_.OnEffect([&](const std::string& effect) {
    seen.push_back(effect);
    EXPECT_THAT(other->omap().ObjectExists("mine"), IsOkAndHolds(true));
    EXPECT_THAT(other->omap().Set("other", {}), IsOk());
  });
  EXPECT_THAT(pool->omap().Set("mine", {}), IsOk());
  EXPECT_THAT(seen, ElementsAre("omap.set mine "));
  EXPECT_THAT(ceph_.effects(), SizeIs(2));
}

TEST_F(FakeClusterTest, FailOnceFailsTheNextSuchEffectDoneOrNot) {
  const auto pool = Open(*process_);
  ceph_.FailOnce("omap.set b", Unavailable("late"), LastEffect::kIsLost);
  EXPECT_THAT(pool->omap().Set("a", {}), IsOk());
  EXPECT_THAT(pool->omap().Set("b", {}), StatusIs(Code::kUnavailable, HasSubstr("late")));
  EXPECT_FALSE(ceph_.Objects().contains("b"));
  EXPECT_THAT(pool->omap().Set("b", {}), IsOk());
  ceph_.FailOnce("omap.set c", Unavailable("late"), LastEffect::kLands);
  EXPECT_THAT(pool->omap().Set("c", {}), StatusIs(Code::kUnavailable));
  EXPECT_TRUE(ceph_.Objects().contains("c"));
}

TEST_F(FakeClusterTest, ReadsFailWhereTold) {
  rbd::ImageStore& images = ceph_.Admin().images();
  ASSERT_THAT(images.Create("i", {.size_bytes = kImageBytes}), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto image, images.Open("i", rbd::OpenMode::kReadWrite));
  std::vector<std::byte> sector(512);
  ceph_.FailReads("i", {.offset_bytes = 4096, .length_bytes = 1});
  EXPECT_THAT(image->Read(4096, sector), StatusIs(Code::kUnavailable));
  EXPECT_THAT(image->Read(4096 - 512, sector), IsOk());
  EXPECT_THAT(image->Read(4097, sector), IsOk());
  EXPECT_THAT(image->FirstExtentFrom(0), StatusIs(Code::kUnavailable));
  EXPECT_THAT(image->FirstExtentFrom(8192), IsOk());
  ceph_.FailReads("i", {});
  EXPECT_THAT(image->Read(4096, sector), IsOk());
}

TEST_F(FakeClusterTest, ConnectionsAreSharedOrExclusive) {
  ASSERT_OK_AND_ASSIGN(const auto shared, process_->Shared({}, User()));
  EXPECT_THAT(process_->Shared({}, User()), IsOkAndHolds(shared));
  ASSERT_OK_AND_ASSIGN(auto exclusive, process_->Exclusive({}, User()));
  ASSERT_OK_AND_ASSIGN(const auto another, process_->Exclusive({}, User()));
  EXPECT_NE(exclusive, shared);
  EXPECT_NE(exclusive, another);
  const rbd::Connection* idle = exclusive.get();
  exclusive.reset();
  ASSERT_OK_AND_ASSIGN(const auto reused, process_->Exclusive({}, User()));
  EXPECT_EQ(reused.get(), idle);
}

TEST_F(FakeClusterTest, FencedConnectionsAreNotHandedOutAgain) {
  ASSERT_OK_AND_ASSIGN(const auto fenced, process_->Shared({}, User()));
  ASSERT_OK_AND_ASSIGN(const auto addresses, fenced->OwnAddresses());
  ASSERT_OK_AND_ASSIGN(const auto other, process_->Exclusive({}, User()));
  ASSERT_THAT(other->Blocklist(addresses.front(), std::chrono::hours(1)), IsOk());
  EXPECT_TRUE(fenced->IsFenced());
  ASSERT_OK_AND_ASSIGN(const auto fresh, process_->Shared({}, User()));
  EXPECT_NE(fresh, fenced);
  clock_.Advance(std::chrono::hours(1));
  EXPECT_FALSE(fenced->IsFenced());
}

TEST_F(FakeClusterTest, UsersNeedTheirKeyAndMayBeForbiddenToFence) {
  ceph_.AddUser("csi", "key");
  EXPECT_THAT(process_->Shared({}, User("wrong")), StatusIs(Code::kPermissionDenied));
  ASSERT_OK_AND_ASSIGN(const auto connection, process_->Shared({}, User("key")));
  ceph_.ForbidBlocklisting();
  EXPECT_THAT(connection->Blocklist("127.0.0.1:0/7", std::chrono::hours(1)),
              StatusIs(Code::kPermissionDenied));
}

TEST_F(FakeClusterTest, ClustersGoDownAndPoolsGoAway) {
  const auto pool = Open(*process_);
  ceph_.SetDown(true);
  EXPECT_THAT(pool->omap().ObjectExists("o"), StatusIs(Code::kUnavailable));
  ceph_.SetDown(false);
  EXPECT_THAT(pool->omap().ObjectExists("o"), IsOkAndHolds(false));
  ceph_.RemovePool(1);
  EXPECT_THAT(pool->omap().ObjectExists("o"), StatusIs(Code::kNotFound));
}

TEST_F(FakeClusterTest, TrashKeepsWhatSnapshotsAndClonesNeed) {
  rbd::ImageStore& images = ceph_.Admin().images();
  ASSERT_THAT(images.Create("i", {.size_bytes = kImageBytes}), IsOk());
  ceph_.AddWatcher("i", "10.0.0.9:0/1");
  EXPECT_THAT(images.MoveToTrash("i"), StatusIs(Code::kFailedPrecondition));
  ceph_.RemoveWatchers("i");
  ASSERT_THAT(images.MoveToTrash("i"), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto trash, images.ListTrash());
  ceph_.SetClones("i", true);
  EXPECT_THAT(images.PurgeFromTrash(trash.front().id), StatusIs(Code::kFailedPrecondition));
  ceph_.SetClones("i", false);
  EXPECT_THAT(images.PurgeFromTrash(trash.front().id), IsOk());
  EXPECT_THAT(images.ListTrash(), IsOkAndHolds(IsEmpty()));
}

}  // namespace
}  // namespace rbdcrypt::testing
