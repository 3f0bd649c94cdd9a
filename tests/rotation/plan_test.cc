// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/plan.h"

#include <ostream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace rbdcrypt::rotation {
namespace {

using rbd::KeyslotHolds;
using rbd::KeyslotSurvey;

// Keyslots by letters: C current, N new, P previous, X unexplained, - free.
struct Row {
  std::string_view keyslots;
  bool is_done;
  Step step;
  int slot;
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.keyslots << (row.is_done ? ", done" : "");
}

KeyslotHolds HoldsOf(char letter) {
  switch (letter) {
    case 'C':
      return KeyslotHolds::kCurrent;
    case 'N':
      return KeyslotHolds::kNew;
    case 'P':
      return KeyslotHolds::kPrevious;
    case 'X':
      return KeyslotHolds::kUnexplained;
    default:
      return KeyslotHolds::kNothing;
  }
}

KeyslotSurvey SurveyOf(std::string_view keyslots) {
  KeyslotSurvey survey;
  for (std::size_t i = 0; i < survey.ours.size(); ++i) {
    survey.ours.at(i).holds = HoldsOf(keyslots.at(i));
  }
  if (!survey.Find(KeyslotHolds::kCurrent)) {
    survey.any_with_previous = survey.Find(KeyslotHolds::kPrevious);
  }
  return survey;
}

class PlanTest : public ::testing::TestWithParam<Row> {};

TEST_P(PlanTest, NextStepFollowsFromWhatIsFound) {
  const Move move = NextMove(SurveyOf(GetParam().keyslots), GetParam().is_done);
  EXPECT_EQ(StepName(move.step), StepName(GetParam().step));
  EXPECT_EQ(move.slot, GetParam().slot);
}

INSTANTIATE_TEST_SUITE_P(Table,
                         PlanTest,
                         ::testing::Values(Row{"--", false, Step::kWrongKey, -1},
                                           Row{"X-", false, Step::kWrongKey, -1},
                                           Row{"XX", true, Step::kWrongKey, -1},
                                           Row{"P-", false, Step::kRestorePrevious, -1},
                                           Row{"XP", false, Step::kRestorePrevious, -1},
                                           Row{"PP", false, Step::kRestorePrevious, -1},
                                           Row{"CN", false, Step::kStoreNew, -1},
                                           Row{"NC", false, Step::kStoreNew, -1},
                                           Row{"CC", false, Step::kDropSecond, 1},
                                           Row{"CC", true, Step::kDropSecond, 1},
                                           Row{"CP", true, Step::kDropOld, 1},
                                           Row{"PC", false, Step::kDropOld, 0},
                                           Row{"CX", false, Step::kDropUnexplained, 1},
                                           Row{"XC", true, Step::kDropUnexplained, 0},
                                           Row{"C-", false, Step::kAddNew, -1},
                                           Row{"-C", false, Step::kAddNew, -1},
                                           Row{"C-", true, Step::kFinish, -1},
                                           Row{"-C", true, Step::kFinish, -1}));

TEST(PlanTest, OfTwoKeyslotsOfOneKeyTheDearerGoes) {
  KeyslotSurvey survey = SurveyOf("CC");
  survey.ours[0].info.kdf_memory_bytes = 1ULL << 30;
  survey.ours[1].info.kdf_memory_bytes = 1ULL << 25;
  EXPECT_EQ(NextMove(survey, false).slot, 0);
}

// What a person put the current DEK into counts as a start, and is never dropped.
TEST(PlanTest, KeyslotOfAnAdministratorIsAStart) {
  KeyslotSurvey survey = SurveyOf("--");
  survey.other_with_current = 7;
  EXPECT_EQ(NextMove(survey, false).step, Step::kAddNew);
  survey = SurveyOf("XP");
  survey.other_with_current = 7;
  EXPECT_EQ(NextMove(survey, false).step, Step::kDropOld);
  EXPECT_EQ(NextMove(survey, false).slot, 1);
}

}  // namespace
}  // namespace rbdcrypt::rotation
