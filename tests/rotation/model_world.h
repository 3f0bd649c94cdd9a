// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "rbd/cluster.h"
#include "rbd/image.h"
#include "tests/fakes/fake_cluster.h"
#include "tests/rotation/explorer.h"
#include "tests/rotation/fiber.h"
#include "tests/support/fake_clock.h"

// A small world in which the real rotation runs, every step of it a place where anything may happen
// next: another program goes on, the process dies, time passes, a late write lands.
namespace rbdcrypt::testing {

// Where the model keeps DEKs.
enum class ModelStore { kComparesAndSets, kDoesNot, kInTheImage };

// A step that is left out, or done in the wrong order: by a lie of what the rotation stands on, or
// by a wrong plan.
enum class Mutation {
  kNone,
  // Of the plan.
  kDropBeforeStore,      // step 4 before step 2
  kKeepOldKeyslot,       // no step 4
  kKeepSecondKeyslot,    // no "K0 in both: drop one"
  kDropWithoutFence,     // step 0 without its fence
  kDropTheOtherKeyslot,  // step 4 drops K1's
  kForgetToStore,        // no step 2
  kIgnoreRollback,       // no start from P
  kEndWithoutNewDek,     // no step 1 at all
  // Of the store.
  kFenceDoesNothing,     // the current DEK is not written again
  kTrustAnswers,         // no step 3: what was sent counts as stored
  kStoreWithoutCompare,  // step 2 does not compare versions
  kLosePrevious,         // step 2 keeps no previous DEK
  kNoWaitForThirdKeys,   // orphanGrace is zero
  kForgetSentDeks,       // the time at which a DEK was sent is not recorded
  // Of the header.
  kStoreBeforeAdd,        // step 2 before step 1 is on the image
  kNoReload,              // step 1 without its reload
  kNoProof,               // step 1 and 3 without opening the keyslot
  kCommitWithoutCompare,  // headers of others are written over
  // Of the lock.
  kLockIsShared,    // everybody gets it
  kNobodyIsFenced,  // an earlier holder writes on
};

struct ModelConfig {
  ModelStore store = ModelStore::kComparesAndSets;
  // Names of the keys in keyslots 0, 1, …, "-" for none; and of the stored ones.
  std::vector<std::string> keyslots = {"K0", "-"};
  std::string current = "K0";
  std::string previous = {};
  // A key that ceph-csi sent without comparing, and that may land within the grace; "" for none.
  std::string on_its_way = {};

  int rotators = 2;
  // How often each tries.
  int attempts = 1;
  bool has_stager = false;
  // Whether rotators are lives of one program, which take the lock over at once, or strangers.
  bool is_one_program = true;
  bool may_fence = true;

  // How often each may happen in one run.
  int preemptions = 2;
  int crashes = 1;
  int kms_faults = 1;
  int image_faults = 0;
  int lost_commits = 0;
  int snapshots = 0;
  int rollbacks = 0;
  int administrators = 0;
  int waits = 0;

  Mutation mutation = Mutation::kNone;
};

// What the store holds; keys by name.
struct ModelDeks {
  std::string current;
  std::string previous;
  int version = 1;

  friend bool operator==(const ModelDeks&, const ModelDeks&) = default;
};

class ModelWorld;

// A program of the model.
class ModelActor {
 public:
  ModelActor(ModelWorld& world, std::string name);

  // Gives up control before the call `what`; what was learnt since goes on record.
  void Point(const std::string& what);

  // What the next steps of this program depend on.
  void Learn(std::string_view what);

  ModelWorld& world;
  const std::string name;
  std::unique_ptr<FakeProcess> process;
  std::unique_ptr<Fiber> fiber;
  std::string at = "start";
  std::uint64_t history = 0;
  int deks_made = 0;
  bool is_dead = false;
  // Of its last try.
  Status last;
};

// One run of one model, by the choices it is given.
class ModelWorld {
 public:
  ModelWorld(const ModelConfig& config, Choices& choices);
  ~ModelWorld();

  // "" or which rule was broken, and what happened before.
  std::string Run();

  // For the parts in model_parts.h.

  const ModelConfig& config() const { return config_; }

  bool Is(Mutation mutation) const { return config_.mutation == mutation; }

  // One of `options` where `budget` is left, which all but 0 take from; 0 for who is dead.
  int ChooseFault(const ModelActor& actor, int& budget, int options);

  // Keys by name and as what they are.
  std::string NameOf(const Secret& dek) const;
  Secret DekOf(const std::string& name) const;
  void NameDek(const Secret& dek, const std::string& name);

  void Broken(const std::string& rule);

  // The keys in the header's keyslots as they are now.
  std::string Header();

  // A write that got no answer, until it lands or is lost.
  struct Late {
    std::string dek;
    int version = 0;
    bool compares = false;
  };

  // Makes a DEK current, if it still may be.
  void Store(const Late& write);

  ModelDeks deks;
  // Before the last change: what a standby that lags may still say.
  ModelDeks deks_before;
  std::vector<Late> late;
  std::vector<std::string> snapshots;
  ModelConfig left;

  FakeClock clock;
  FakeCeph ceph{clock};

 private:
  struct Event {
    std::string what;
    std::function<void()> run;
  };

  void AddActor(const std::string& name, bool is_stager);
  void Step(ModelActor& actor);
  void Crash(ModelActor& actor);
  void Land(std::size_t index);
  void Wait(std::chrono::seconds time);
  bool IsWaiting(const ModelActor& actor) const;
  std::vector<Event> Events();
  void AddActorEvents(std::vector<Event>& events);
  void AddTimeEvents(std::vector<Event>& events);
  void AddLateEvents(std::vector<Event>& events);
  void AddSnapshotEvents(std::vector<Event>& events);
  std::uint64_t State();
  void Check();
  void Close();
  void CheckClosed(const ModelActor& closer);
  ModelDeks StoredNow();
  void SetHeader(const std::string& header);

  const ModelConfig& config_;
  Choices& choices_;
  rbd::Pool& pool_;
  // The test's own hand on it.
  std::unique_ptr<rbd::Image> image_;
  std::vector<std::unique_ptr<ModelActor>> actors_;
  const ModelActor* last_ = nullptr;
  std::map<std::string, std::string> names_;
  bool is_rolled_back_ = false;
  bool has_administrators_ = false;
  std::vector<std::string> trace_;
  std::string broken_;
};

}  // namespace rbdcrypt::testing
