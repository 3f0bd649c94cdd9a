// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// The journal under a process that dies after each effect, and under two controllers at once.
#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/crash_point.h"
#include "base/strings.h"
#include "rbd/crash_points.h"
#include "rbd/journal.h"
#include "tests/rbd/journal_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::JournalWorld;
using ::rbdcrypt::testing::LastEffect;
using ::rbdcrypt::testing::Objects;
using ::rbdcrypt::testing::ReservationOf;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::Undo;
using ::testing::ElementsAre;
using ::testing::Eq;

constexpr char kUuid[] = "455ab52d-aa8e-4721-8d7c-06caa3ab21b9";
constexpr char kDirectory[] = "csi.volumes.default";
constexpr char kKey[] = "csi.volume.pvc-1";
constexpr char kObject[] = "csi.volume.455ab52d-aa8e-4721-8d7c-06caa3ab21b9";

class JournalCrashTest : public ::testing::TestWithParam<LastEffect> {
 protected:
  // Runs `attempt` in new worlds prepared by `prepare`, dying after 0, 1, 2 … effects until one
  // run lives; `check` sees each world restarted. Returns in how many of them it died.
  static int ForEveryCrash(const std::function<void(JournalWorld&)>& prepare,
                           const std::function<Status(JournalWorld&)>& attempt,
                           const std::function<void(JournalWorld&)>& check) {
    for (int effects = 0;; ++effects) {
      SCOPED_TRACE(Cat("dies after ", effects, " effects"));
      JournalWorld world;
      prepare(world);
      world.process->FailAfterEffects(effects, GetParam());
      const Status status = attempt(world);
      if (!world.process->IsDead()) {
        EXPECT_THAT(status, IsOk());
        return effects;
      }
      EXPECT_THAT(status, StatusIs(Code::kUnavailable));
      world.Restart();
      check(world);
    }
  }
};

TEST_P(JournalCrashTest, CreateIsFinishedByTheNextCreate) {
  const int crashes = ForEveryCrash(
      [](JournalWorld&) {}, [](JournalWorld& world) { return world.Create("pvc-1").status(); },
      [](JournalWorld& world) {
        const Result<JournalEntry> entry = world.Create("pvc-1");
        ASSERT_THAT(entry, IsOk());
        world.ExpectExactlyOne("pvc-1", *entry);
      });
  EXPECT_EQ(crashes, 3);
}

TEST_P(JournalCrashTest, CreateCanBeUndoneInstead) {
  ForEveryCrash([](JournalWorld&) {},
                [](JournalWorld& world) { return world.Create("pvc-1").status(); },
                [](JournalWorld& world) {
                  Journal journal = world.NewJournal();
                  ASSERT_OK_AND_ASSIGN(const auto found, journal.FindByName("pvc-1"));
                  if (found.has_value()) {
                    ASSERT_THAT(Undo(journal, *found), IsOk());
                  }
                  Objects left = world.ceph.Objects();
                  EXPECT_THAT(left[kDirectory], ::testing::IsEmpty());
                  left.erase(kDirectory);
                  EXPECT_EQ(left, Objects());
                });
}

TEST_P(JournalCrashTest, CompletingWhatCephCsiLeftIsFinishedByTheNextCreate) {
  for (const Objects& left : {Objects{{kDirectory, {{kKey, kUuid}}}},
                              Objects{{kDirectory, {{kKey, kUuid}}}, {kObject, {}}}}) {
    const int crashes =
        ForEveryCrash([&](JournalWorld& world) { world.Load(left); },
                      [](JournalWorld& world) { return world.Create("pvc-1").status(); },
                      [](JournalWorld& world) {
                        ASSERT_OK_AND_ASSIGN(const JournalEntry entry, world.Create("pvc-1"));
                        EXPECT_EQ(entry.uuid, kUuid);
                        world.ExpectExactlyOne("pvc-1", entry);
                      });
    EXPECT_EQ(crashes, 2);
  }
}

TEST_P(JournalCrashTest, UndoIsFinishedByTheNextDelete) {
  std::string uuid;
  const auto prepare = [&](JournalWorld& world) {
    ASSERT_OK_AND_ASSIGN(const JournalEntry entry, world.Create("pvc-1"));
    uuid = entry.uuid;
  };
  const int crashes = ForEveryCrash(
      prepare, [&](JournalWorld& world) { return world.Delete(uuid); },
      [&](JournalWorld& world) {
        EXPECT_THAT(world.Delete(uuid), IsOk());
        EXPECT_EQ(world.ceph.Objects(), (Objects{{kDirectory, {}}}));
      });
  EXPECT_EQ(crashes, 2);
}

// The CO may never repeat the delete: the name must be usable all the same, under a new UUID once
// the key is gone, so that a late delete of the old volume ID does not hit the new volume.
TEST_P(JournalCrashTest, NameIsUsableAfterHalfAnUndo) {
  std::string uuid;
  const auto prepare = [&](JournalWorld& world) {
    ASSERT_OK_AND_ASSIGN(const JournalEntry entry, world.Create("pvc-1"));
    uuid = entry.uuid;
  };
  ForEveryCrash(
      prepare, [&](JournalWorld& world) { return world.Delete(uuid); },
      [&](JournalWorld& world) {
        ASSERT_OK_AND_ASSIGN(const JournalEntry fresh, world.Create("pvc-1"));
        if (fresh.uuid != uuid) {
          EXPECT_THAT(world.Delete(uuid), IsOk());
        }
        world.ExpectExactlyOne("pvc-1", fresh);
      });
}

INSTANTIATE_TEST_SUITE_P(LastEffect,
                         JournalCrashTest,
                         ::testing::Values(LastEffect::kIsLost, LastEffect::kLands),
                         [](const auto& test) {
                           return test.param == LastEffect::kLands ? "Lands" : "IsLost";
                         });

// A second controller on the same cluster: `Act` runs it once, right after the first one's effect
// that begins with `effect`.
class SecondController {
 public:
  explicit SecondController(JournalWorld& world)
      : ceph_(world.ceph),
        process_(world.ceph.StartProcess()),
        connection_(*process_->Shared({}, {.user = "csi", .key = Secret()})),
        pool_(*connection_->OpenPool("rbd", "")) {}

  ~SecondController() { ceph_.OnEffect(nullptr); }

  SecondController(const SecondController&) = delete;
  SecondController& operator=(const SecondController&) = delete;

  void Act(const std::string& effect, const std::function<void(Journal journal)>& act) {
    ceph_.OnEffect([this, effect, act, done = false](const std::string& what) mutable {
      if (!done && what.starts_with(effect)) {
        done = true;
        act(journal());
      }
    });
  }

  Journal journal() { return {*connection_, *pool_, *pool_, "default"}; }

 private:
  ::rbdcrypt::testing::FakeCeph& ceph_;
  std::unique_ptr<::rbdcrypt::testing::FakeProcess> process_;
  std::shared_ptr<Connection> connection_;
  std::unique_ptr<Pool> pool_;
};

void FindAndReserve(Journal journal, const Reservation& reservation) {
  ASSERT_OK_AND_ASSIGN(const auto found, journal.FindByName(reservation.request_name));
  ASSERT_THAT(journal.Reserve(reservation, found), IsOk());
}

TEST(TwoControllersTest, OneOfTwoReservesAName) {
  JournalWorld world;
  SecondController second(world);
  Journal journal = world.NewJournal();
  ASSERT_THAT(journal.FindByName("pvc-1"), IsOkAndHolds(Eq(std::nullopt)));
  FindAndReserve(second.journal(), ReservationOf("pvc-1"));
  EXPECT_THAT(journal.Reserve(ReservationOf("pvc-1"), std::nullopt), StatusIs(Code::kAborted));
  ASSERT_OK_AND_ASSIGN(const auto found, journal.FindByName("pvc-1"));
  ASSERT_TRUE(found.has_value());
  world.ExpectExactlyOne("pvc-1", *found);
}

TEST(TwoControllersTest, OneCompletesWhatTheOtherBegan) {
  JournalWorld world;
  SecondController second(world);
  second.Act("omap.set csi.volumes.default",
             [](const Journal& journal) { FindAndReserve(journal, ReservationOf("pvc-1")); });
  EXPECT_THAT(world.NewJournal().Reserve(ReservationOf("pvc-1"), std::nullopt),
              StatusIs(Code::kAborted));
  ASSERT_OK_AND_ASSIGN(const JournalEntry entry, world.Create("pvc-1"));
  world.ExpectExactlyOne("pvc-1", entry);
}

TEST(TwoControllersTest, NobodyOverwritesAReservationCompletedMeanwhile) {
  JournalWorld world;
  world.Load({{kDirectory, {{kKey, kUuid}}}, {kObject, {}}});
  Journal journal = world.NewJournal();
  ASSERT_OK_AND_ASSIGN(const auto found, journal.FindByName("pvc-1"));
  SecondController second(world);
  Reservation other = ReservationOf("pvc-1");
  other.kms_id = "kmip";
  FindAndReserve(second.journal(), other);
  const Objects before = world.ceph.Objects();
  EXPECT_THAT(journal.Reserve(ReservationOf("pvc-1"), found), StatusIs(Code::kAborted));
  EXPECT_EQ(world.ceph.Objects(), before);
}

TEST(TwoControllersTest, ReservationDeletedMeanwhileLeavesNothing) {
  JournalWorld world;
  SecondController second(world);
  second.Act("omap.set csi.volumes.default", [](Journal journal) {
    FindAndReserve(journal, ReservationOf("pvc-1"));
    ASSERT_OK_AND_ASSIGN(const auto found, journal.FindByName("pvc-1"));
    ASSERT_THAT(Undo(journal, *found), IsOk());
  });
  EXPECT_THAT(world.NewJournal().Reserve(ReservationOf("pvc-1"), std::nullopt),
              StatusIs(Code::kAborted));
  EXPECT_EQ(world.ceph.Objects(), (Objects{{kDirectory, {}}}));
}

TEST(TwoControllersTest, TwoUndosAtOnceLeaveNothing) {
  JournalWorld world;
  ASSERT_OK_AND_ASSIGN(const JournalEntry entry, world.Create("pvc-1"));
  SecondController second(world);
  second.Act("omap.unset", [&](Journal journal) { EXPECT_THAT(Undo(journal, entry), IsOk()); });
  EXPECT_THAT(Undo(world.NewJournal(), entry), IsOk());
  EXPECT_EQ(world.ceph.Objects(), (Objects{{kDirectory, {}}}));
}

#ifdef RBDCRYPT_CRASH_POINTS
TEST(JournalCrashPointsTest, PassesEachPointInTheOrderOfTheTable) {
  std::vector<std::string> passed;
  ObserveCrashPointsForTest(
      [](void* list, std::string_view name) {
        static_cast<std::vector<std::string>*>(list)->emplace_back(name);
      },
      &passed);
  JournalWorld world;
  ASSERT_OK_AND_ASSIGN(const JournalEntry entry, world.Create("pvc-1"));
  ASSERT_THAT(world.Delete(entry.uuid), IsOk());
  ObserveCrashPointsForTest(nullptr, nullptr);
  EXPECT_THAT(passed,
              ElementsAre("create.directory-key", "create.journal-object", "create.image-id",
                          "delete.directory-key", "delete.journal-object"));
  auto at = kCrashPoints.begin();
  for (const std::string& name : passed) {
    at = std::find(at, kCrashPoints.end(), name);
    EXPECT_NE(at, kCrashPoints.end()) << name;
  }
}
#endif

}  // namespace
}  // namespace rbdcrypt::rbd
