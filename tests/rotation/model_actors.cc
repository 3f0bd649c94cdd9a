// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/rotation/model_actors.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "rbd/volume_lock.h"
#include "rotation/dek_rotation.h"
#include "tests/rotation/model_parts.h"

namespace rbdcrypt::testing {
namespace {

using rbd::KeyslotHolds;
using rbd::KeyslotSurvey;
using rotation::Move;
using rotation::NextMove;
using rotation::RotationOptions;
using rotation::Step;

constexpr int kClosingAttempts = 6;

// The plan, wrong in one step.
template <Step kWhere, Step kInstead>
Move Replaced(const KeyslotSurvey& found, bool is_done) {
  Move move = NextMove(found, is_done);
  if (move.step == kWhere) {
    move.step = kInstead;
  }
  return move;
}

Move DropBeforeStore(const KeyslotSurvey& found, bool is_done) {
  const Move move = NextMove(found, is_done);
  const auto old = found.Find(KeyslotHolds::kCurrent);
  return move.step == Step::kStoreNew && old ? Move{Step::kDropOld, *old} : move;
}

Move DropTheOther(const KeyslotSurvey& found, bool is_done) {
  const Move move = NextMove(found, is_done);
  return move.step == Step::kDropOld ? Move{Step::kDropOld, 1 - move.slot} : move;
}

using Plan = Move (*)(const KeyslotSurvey&, bool);

Plan PlanOf(Mutation mutation) {
  switch (mutation) {
    case Mutation::kDropBeforeStore:
      return DropBeforeStore;
    case Mutation::kDropTheOtherKeyslot:
      return DropTheOther;
    case Mutation::kKeepOldKeyslot:
      return Replaced<Step::kDropOld, Step::kFinish>;
    case Mutation::kKeepSecondKeyslot:
      return Replaced<Step::kDropSecond, Step::kAddNew>;
    case Mutation::kDropWithoutFence:
      return Replaced<Step::kDropUnexplained, Step::kDropOld>;
    case Mutation::kForgetToStore:
      return Replaced<Step::kStoreNew, Step::kFinish>;
    case Mutation::kIgnoreRollback:
      return Replaced<Step::kRestorePrevious, Step::kWrongKey>;
    case Mutation::kEndWithoutNewDek:
      return Replaced<Step::kAddNew, Step::kFinish>;
    default:
      return NextMove;
  }
}

rbd::VolumeLock::Options LockOptions(const ModelActor& actor) {
  rbd::VolumeLock::Options options;
  options.identity = actor.world.config().is_one_program ? "rotator" : actor.name;
  options.process = actor.name;
  return options;
}

RotationOptions OptionsOf(const ModelWorld& world) {
  RotationOptions options;
  options.next_move = PlanOf(world.config().mutation);
  if (world.Is(Mutation::kNoWaitForThirdKeys)) {
    options.orphan_grace = std::chrono::seconds(0);
  }
  return options;
}

Status RotateOnce(ModelActor& actor) {
  const Context context({.clock = &actor.world.clock});
  ASSIGN_OR_RETURN(const auto real, actor.process->Exclusive({}, {.user = "csi", .key = Secret()}));
  ASSIGN_OR_RETURN(auto pool, real->OpenPool("rbd", ""));
  ModelConnection connection(actor, real, std::move(pool));
  ASSIGN_OR_RETURN(const auto lock, rbd::VolumeLock::Acquire(context,
                                                             {.connection = connection,
                                                              .pool = connection,
                                                              .volume_id = kModelVolume,
                                                              .image_name = kModelImage},
                                                             LockOptions(actor)));
  ASSIGN_OR_RETURN(auto opened, connection.images().Open(kModelImage, rbd::OpenMode::kReadWrite));
  rbd::Image& bare = *opened;
  ModelImage image(actor, std::move(opened));
  ModelKeyslots keyslots(actor, bare);
  ModelSnapshots snapshots(actor);
  ModelKms kms(actor);
  return rotation::Rotate(context,
                          {.image = image,
                           .keyslots = keyslots,
                           .snapshots = snapshots,
                           .kms = kms,
                           .lock = *lock,
                           .volume_id = kModelVolume},
                          OptionsOf(actor.world))
      .status();
}

// Whether the DEK opens the header as it is now.
bool OpensNow(ModelActor& actor, const Result<kms::StoredDek>& stored) {
  actor.Point("load header");
  const std::vector<std::string> keys = ParseModelHeader(actor.world.Header());
  const bool opens = stored.ok() && std::ranges::count(keys, actor.world.NameOf(stored->dek)) > 0;
  actor.Learn(opens ? "opens" : "does not");
  return opens;
}

}  // namespace

void RunRotator(ModelActor& actor) {
  const bool is_closer = actor.name == "closer";
  const int attempts = is_closer ? kClosingAttempts : actor.world.config().attempts;
  for (int i = 0; i < attempts && !actor.is_dead; ++i) {
    if (i > 0) {
      actor.Point("again");
    }
    actor.last = RotateOnce(actor);
    if (actor.last.ok()) {
      return;
    }
  }
}

void RunStager(ModelActor& actor) {
  const Context context({.clock = &actor.world.clock});
  ModelKms kms(actor);
  actor.Point("stage");
  for (int i = 0; i < 2; ++i) {
    if (OpensNow(actor, kms.Fetch(context, kModelVolume))) {
      return;
    }
  }
  if (!OpensNow(actor, kms.FetchPrevious(context, kModelVolume)) && !actor.is_dead) {
    actor.world.Broken("a stage found no DEK that opens the header");
  }
}

}  // namespace rbdcrypt::testing
