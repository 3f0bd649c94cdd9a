// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Every state of the table in rotation/dek_rotation.h and of ceph-csi's own (ceph-csi-compat 5.11),
// made by hand and then rotated, with each kind of store.
#include <chrono>
#include <ostream>
#include <string>
#include <string_view>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rotation/dek_rotation.h"
#include "tests/rotation/rotation_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rotation {
namespace {

using ::rbdcrypt::testing::FakeKms;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::RotationWorld;
using ::rbdcrypt::testing::StatusIs;
using ::testing::Combine;
using ::testing::HasSubstr;
using ::testing::Values;

// Where DEKs are kept.
enum class Kind { kComparesAndSets, kDoesNot, kInTheImage };

RotationWorld MakeWorld(Kind kind) {
  return kind == Kind::kInTheImage
             ? RotationWorld("wrap")
             : RotationWorld(
                   "store", {.id = "store", .can_compare_and_set = kind == Kind::kComparesAndSets});
}

std::string KindName(Kind kind) {
  switch (kind) {
    case Kind::kComparesAndSets:
      return "ComparesAndSets";
    case Kind::kDoesNot:
      return "DoesNot";
    case Kind::kInTheImage:
      return "InTheImage";
  }
  return "Unknown";
}

// A state, by names of keys: 'C' the current DEK, 'P' the previous one, 'X' one that nobody has
// stored, '-' none. Two letters of keyslots 0 and 1.
struct State {
  std::string_view name;
  std::string_view keyslots;
  bool has_previous = false;
  // Whether the first try waits for the keyslot X to be old enough.
  bool waits = false;
};

void PrintTo(const State& state, std::ostream* out) {
  *out << state.name;
}

constexpr State kStates[] = {
    {"Start", "C-"},
    {"StartWithAPreviousDek", "C-", true},
    {"StartInSlot1", "-C", true},
    {"KeyslotAdded", "CX", false, true},
    {"KeyslotAddedAgain", "XC", true, true},
    {"DekStored", "PC", true},
    {"DekStoredInSlot0", "CP", true},
    {"CephCsiStep2", "CC"},
    {"CephCsiStep3Slot0Dropped", "-C"},
    {"CephCsiStep3KeyAdded", "XC", false, true},
    {"CephCsiStep4", "CP", true},
    {"CephCsiStep4WithoutAPreviousDek", "CX", false, true},
    {"RolledBack", "P-", true},
    {"RolledBackInSlot1", "-P", true},
    {"RolledBackTwice", "PP", true},
    {"RolledBackBesideAThirdKey", "PX", true, true},
    {"RolledBackBehindAThirdKey", "XP", true, true},
};

class RotationStatesTest : public ::testing::TestWithParam<std::tuple<State, Kind>> {
 public:
  static std::string Name(const ::testing::TestParamInfo<std::tuple<State, Kind>>& info) {
    return std::string(std::get<0>(info.param).name) + KindName(std::get<1>(info.param));
  }

 protected:
  void SetUp() override {
    const std::string made = world_.Current();
    // The header answers to what the volume was made with.
    const bool needs_previous = state().name.starts_with("RolledBack");
    current_ = needs_previous ? "C-random-text-of-28-chars--=" : made;
    previous_ = needs_previous ? made : "P-random-text-of-28-chars--=";
    world_.ArrangeKeyslots(made, KeyOf(state().keyslots[0]), KeyOf(state().keyslots[1]));
    world_.ArrangeStore(current_, state().has_previous ? previous_ : "");
  }

  std::string_view KeyOf(char name) const {
    switch (name) {
      case 'C':
        return current_;
      case 'P':
        return previous_;
      case 'X':
        return testing::kThirdKey;
      default:
        return "";
    }
  }

  static const State& state() { return std::get<0>(GetParam()); }

  bool starts_from_previous() const { return state().keyslots.find('C') == std::string_view::npos; }

  RotationWorld world_ = MakeWorld(std::get<1>(GetParam()));
  std::string current_;
  std::string previous_;
};

TEST_P(RotationStatesTest, EndsWithOneKeyslotThatTheNewDekOpens) {
  const std::string start = starts_from_previous() ? previous_ : current_;
  Result<RotationReport> report = world_.Rotate();
  // Where no write is refused for being old, the one that restored the previous DEK may land again.
  const bool waits_for_writes = std::get<1>(GetParam()) == Kind::kDoesNot && starts_from_previous();
  const bool waits = state().waits || waits_for_writes;
  if (waits) {
    ASSERT_THAT(report, StatusIs(Code::kAborted, HasSubstr(" s")));
    EXPECT_EQ(world_.Current(), start);
    world_.clock().Advance(std::chrono::minutes(15));
    report = world_.Rotate();
  }
  ASSERT_THAT(report, IsOk());
  EXPECT_TRUE(report->has_new_dek);
  // A run that restored the previous DEK and then had to wait has said so itself.
  EXPECT_EQ(report->started_from_previous, starts_from_previous() && !waits);
  EXPECT_EQ(report->dropped_unexplained, state().waits ? 1 : 0);
  EXPECT_NE(world_.Current(), current_);
  EXPECT_NE(world_.Current(), previous_);
  EXPECT_EQ(world_.Previous(), start);
  EXPECT_THAT(world_.CheckWhole(), IsOk());
}

INSTANTIATE_TEST_SUITE_P(Table,
                         RotationStatesTest,
                         Combine(::testing::ValuesIn(kStates),
                                 Values(Kind::kComparesAndSets, Kind::kDoesNot, Kind::kInTheImage)),
                         RotationStatesTest::Name);

}  // namespace
}  // namespace rbdcrypt::rotation
