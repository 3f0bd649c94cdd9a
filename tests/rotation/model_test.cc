// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Every state that rotations can get a volume into, as far as the models below go: the real code
// over a store, a header, a lock and a clock that may do their worst between any two of its calls.
//
// In each state some stored DEK opens the header, and the current one does unless the header was
// rolled back; every snapshot opens; an administrator's keyslot stays. From each end a rotation
// without faults succeeds and leaves one keyslot. And each step of the protocol is needed: left out
// or swapped it breaks one of these rules, and is found.
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "tests/rotation/explorer.h"
#include "tests/rotation/model_world.h"

namespace rbdcrypt::testing {
namespace {

Exploration ExploreModel(const ModelConfig& config) {
  return Explore([&](Choices& choices) { return ModelWorld(config, choices).Run(); });
}

using enum ModelStore;

struct Model {
  std::string_view name;
  ModelConfig config;
};

void PrintTo(const Model& model, std::ostream* out) {
  *out << model.name;
}

// Two lives of one program: either takes over at once from the other, which stands still and goes
// on later.
ModelConfig TwoRotators(ModelStore store) {
  return {.store = store, .preemptions = 1, .crashes = 0, .kms_faults = 1};
}

// The first dies, and a write to the store has failed it, or does its successor.
ModelConfig CrashAndFault(ModelStore store) {
  return {.store = store, .preemptions = 0, .crashes = 1, .kms_faults = 1};
}

// One dies, and one stands still.
ModelConfig CrashAndPause(ModelStore store) {
  return {.store = store, .preemptions = 1, .crashes = 1, .kms_faults = 0};
}

// The same with more changes from one to the other, and nothing else that goes wrong.
ModelConfig Interleaved(ModelStore store) {
  return {.store = store, .preemptions = 3, .crashes = 0, .kms_faults = 0};
}

// One rotator against all that a store can do.
ModelConfig BadStore(ModelStore store) {
  return {.store = store,
          .rotators = 1,
          .attempts = 2,
          .preemptions = 0,
          .crashes = 0,
          .kms_faults = 2,
          .waits = 1};
}

// Two programs that do not know each other: the second waits for the lock's end.
ModelConfig Strangers(ModelStore store, bool may_fence) {
  return {.store = store,
          .is_one_program = false,
          .may_fence = may_fence,
          .preemptions = 2,
          .crashes = 0,
          .kms_faults = 0,
          .waits = 3};
}

// What a killed ceph-csi leaves: a keyslot, and a write that compares nothing on its way.
ModelConfig ThirdKey(ModelStore store) {
  return {.store = store,
          .keyslots = {"X", "K0"},
          .on_its_way = store == kInTheImage ? "" : "X",
          .rotators = 1,
          .attempts = 2,
          .preemptions = 0,
          .crashes = 1,
          .kms_faults = 1,
          .waits = 1};
}

// One after the other dies.
ModelConfig TwoCrashes(ModelStore store) {
  return {.store = store, .preemptions = 0, .crashes = 2, .kms_faults = 0};
}

// ceph-csi's step 2: the current DEK in both keyslots.
ModelConfig SecondKeyslot() {
  return {.keyslots = {"K0", "K0"}, .rotators = 1, .preemptions = 0, .kms_faults = 0};
}

// The header was rolled back to the DEK before.
ModelConfig RolledBack(ModelStore store) {
  return {.store = store,
          .current = "K1",

          .previous = "K0",
          .rotators = 1,
          .attempts = 2,
          .preemptions = 0,
          .crashes = 1,
          .kms_faults = 1};
}

// Snapshots are taken at any time, and rolled back to.
ModelConfig WithSnapshots(ModelStore store) {
  return {.store = store,
          .rotators = 2,
          .preemptions = 0,
          .crashes = 1,
          .kms_faults = 0,
          .snapshots = 1,
          .rollbacks = 1};
}

// A node stages the volume while it is rotated.
ModelConfig WithAStage(ModelStore store) {
  return {.store = store,
          .rotators = 1,
          .has_stager = true,
          .preemptions = 3,
          .crashes = 1,
          .kms_faults = 0};
}

// Writes to the image get no answer, and others write the header.
ModelConfig BadImage(ModelStore store) {
  return {.store = store,
          .rotators = 2,
          .preemptions = 0,
          .crashes = 0,
          .kms_faults = 0,
          .image_faults = 1,
          .lost_commits = 1,
          .administrators = 1};
}

const std::vector<Model>& Models() {
  static const std::vector<Model> models = {
      {"TwoRotatorsOverAStoreThatCompares", TwoRotators(kComparesAndSets)},
      {"TwoRotatorsOverAStoreThatDoesNot", TwoRotators(kDoesNot)},
      {"TwoRotatorsOverTheImage", TwoRotators(kInTheImage)},
      {"CrashAndFaultOverAStoreThatCompares", CrashAndFault(kComparesAndSets)},
      {"CrashAndFaultOverAStoreThatDoesNot", CrashAndFault(kDoesNot)},
      {"CrashAndPauseOverAStoreThatCompares", CrashAndPause(kComparesAndSets)},
      {"CrashAndPauseOverAStoreThatDoesNot", CrashAndPause(kDoesNot)},
      {"CrashAndPauseOverTheImage", CrashAndPause(kInTheImage)},
      {"InterleavedOverAStoreThatCompares", Interleaved(kComparesAndSets)},
      {"InterleavedOverAStoreThatDoesNot", Interleaved(kDoesNot)},
      {"InterleavedOverTheImage", Interleaved(kInTheImage)},
      {"TwoCrashesOverAStoreThatCompares", TwoCrashes(kComparesAndSets)},
      {"TwoCrashesOverAStoreThatDoesNot", TwoCrashes(kDoesNot)},
      {"TwoCrashesOverTheImage", TwoCrashes(kInTheImage)},
      {"BadStoreThatCompares", BadStore(kComparesAndSets)},
      {"BadStoreThatDoesNot", BadStore(kDoesNot)},
      {"StrangersOverAStoreThatCompares", Strangers(kComparesAndSets, true)},
      {"StrangersOverAStoreThatDoesNot", Strangers(kDoesNot, true)},
      {"StrangersOverTheImage", Strangers(kInTheImage, true)},
      {"StrangersWithoutFencesOverAStoreThatCompares", Strangers(kComparesAndSets, false)},
      {"StrangersWithoutFencesOverAStoreThatDoesNot", Strangers(kDoesNot, false)},
      {"StrangersWithoutFencesOverTheImage", Strangers(kInTheImage, false)},
      {"ThirdKeyOverAStoreThatCompares", ThirdKey(kComparesAndSets)},
      {"ThirdKeyOverAStoreThatDoesNot", ThirdKey(kDoesNot)},
      {"ThirdKeyOverTheImage", ThirdKey(kInTheImage)},
      {"SecondKeyslot", SecondKeyslot()},
      {"RolledBackOverAStoreThatCompares", RolledBack(kComparesAndSets)},
      {"RolledBackOverAStoreThatDoesNot", RolledBack(kDoesNot)},
      {"RolledBackOverTheImage", RolledBack(kInTheImage)},
      {"WithSnapshotsOverAStoreThatCompares", WithSnapshots(kComparesAndSets)},
      {"WithAStageOverAStoreThatCompares", WithAStage(kComparesAndSets)},
      {"BadImageOverAStoreThatCompares", BadImage(kComparesAndSets)},
      {"BadImageOverTheImage", BadImage(kInTheImage)},
  };
  return models;
}

class ModelTest : public ::testing::TestWithParam<Model> {
 public:
  static std::string Name(const ::testing::TestParamInfo<Model>& info) {
    return std::string(info.param.name);
  }

 protected:
  // What a rotation tells of each fence would be the most of it.
  static void SetUpTestSuite() { ASSERT_TRUE(InitLog("error", LogFormat::kText).ok()); }
};

TEST_P(ModelTest, HoldsInEveryState) {
  const auto begin = std::chrono::steady_clock::now();
  const Exploration result = ExploreModel(GetParam().config);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(result.violation, "");
  std::printf("%-40s %8zu states in %7zu runs, %.1f s\n", GetParam().name.data(), result.states,
              result.runs, took.count());
}

// A step of the protocol, left out or swapped, and the model in which that is found out.
struct Mutant {
  std::string_view name;
  Mutation mutation;
  ModelConfig config;
  // Which rule it breaks first.
  std::string_view rule;
};

void PrintTo(const Mutant& mutant, std::ostream* out) {
  *out << mutant.name;
}

const std::vector<Mutant>& Mutants() {
  static const std::vector<Mutant> mutants = {
      {"DropBeforeStore", Mutation::kDropBeforeStore, TwoRotators(kComparesAndSets), "is kept"},
      {"StoreBeforeAdd", Mutation::kStoreBeforeAdd, TwoRotators(kComparesAndSets), "does not open"},
      {"KeepOldKeyslot", Mutation::kKeepOldKeyslot, TwoRotators(kComparesAndSets),
       "the last rotation failed"},
      {"KeepSecondKeyslot", Mutation::kKeepSecondKeyslot, SecondKeyslot(), "no keyslot is free"},
      {"DropWithoutFence", Mutation::kDropWithoutFence, TwoRotators(kComparesAndSets),
       "does not open"},
      {"DropTheOtherKeyslot", Mutation::kDropTheOtherKeyslot, TwoRotators(kComparesAndSets),
       "is kept"},
      {"ForgetToStore", Mutation::kForgetToStore, TwoRotators(kComparesAndSets),
       "the last rotation left"},
      {"IgnoreRollback", Mutation::kIgnoreRollback, RolledBack(kComparesAndSets),
       "the last rotation failed"},
      {"EndWithoutNewDek", Mutation::kEndWithoutNewDek, TwoRotators(kComparesAndSets),
       "the last rotation failed"},
      {"FenceDoesNothing", Mutation::kFenceDoesNothing, TwoRotators(kComparesAndSets),
       "does not open"},
      {"TrustAnswers", Mutation::kTrustAnswers, BadStore(kComparesAndSets), "LOST"},
      {"StoreWithoutCompare", Mutation::kStoreWithoutCompare, TwoRotators(kComparesAndSets),
       "does not open"},
      {"LosePrevious", Mutation::kLosePrevious, WithSnapshots(kComparesAndSets), "the snapshot"},
      {"NoWaitForThirdKeys", Mutation::kNoWaitForThirdKeys, ThirdKey(kComparesAndSets),
       "does not open"},
      {"ForgetSentDeks", Mutation::kForgetSentDeks, TwoRotators(kDoesNot), "does not open"},
      {"NoReload", Mutation::kNoReload, BadImage(kComparesAndSets), "does not open"},
      {"NoProof", Mutation::kNoProof, BadImage(kComparesAndSets), "does not open"},
      {"CommitWithoutCompare", Mutation::kCommitWithoutCompare, BadImage(kComparesAndSets),
       "administrator's keyslot is gone"},
      {"LockIsShared", Mutation::kLockIsShared, Interleaved(kInTheImage), "does not open"},
      {"NobodyIsFenced", Mutation::kNobodyIsFenced, Interleaved(kInTheImage), "does not open"},
  };
  return mutants;
}

class MutantTest : public ::testing::TestWithParam<Mutant> {
 public:
  static std::string Name(const ::testing::TestParamInfo<Mutant>& info) {
    return std::string(info.param.name);
  }

 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitLog("error", LogFormat::kText).ok()); }
};

TEST_P(MutantTest, IsCaught) {
  ModelConfig config = GetParam().config;
  config.mutation = GetParam().mutation;
  const Exploration result = ExploreModel(config);
  EXPECT_THAT(result.violation, ::testing::HasSubstr(std::string(GetParam().rule)));
}

INSTANTIATE_TEST_SUITE_P(All, MutantTest, ::testing::ValuesIn(Mutants()), MutantTest::Name);

INSTANTIATE_TEST_SUITE_P(All, ModelTest, ::testing::ValuesIn(Models()), ModelTest::Name);

}  // namespace
}  // namespace rbdcrypt::testing
