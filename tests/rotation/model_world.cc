// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/rotation/model_world.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "rbd/names.h"
#include "rbd/volume_lock.h"
#include "tests/rotation/model_actors.h"
#include "tests/rotation/model_parts.h"

namespace rbdcrypt::testing {
namespace {

constexpr char kAdministrators[] = "administrator's";

void Mix(std::uint64_t& hash, std::string_view text) {
  // FNV-1a, and an end mark, so that two texts are not one.
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  hash = (hash ^ 0x100U) * 0x100000001b3ULL;
}

}  // namespace

ModelActor::ModelActor(ModelWorld& in, std::string called)
    : world(in), name(std::move(called)), process(in.ceph.StartProcess()) {}

void ModelActor::Learn(std::string_view what) {
  Mix(history, what);
}

void ModelActor::Point(const std::string& what) {
  if (is_dead) {
    return;
  }
  at = what;
  fiber->Yield();
  // What it may learn by looking at the clock.
  Learn(std::to_string(world.clock.Now().time_since_epoch().count()));
}

ModelWorld::ModelWorld(const ModelConfig& config, Choices& choices)
    : deks{.current = config.current, .previous = config.previous},
      deks_before(deks),
      left(config),
      config_(config),
      choices_(choices),
      pool_(ceph.Admin()) {
  RBDCRYPT_CHECK(pool_.images().Create(kModelImage, {.size_bytes = 1 << 20}).ok());
  image_ = *pool_.images().Open(kModelImage, rbd::OpenMode::kReadWrite);
  std::map<std::string, std::string> metadata = {{kModelHeader, Join(config.keyslots, " ")},
                                                 {rbd::kMetaEncrypted, rbd::kStateEncrypted}};
  if (config.store == ModelStore::kInTheImage) {
    metadata[rbd::kMetaDek] = Cat("wrapped ", config.current);
    if (!config.previous.empty()) {
      metadata[rbd::kMetaPreviousDek] = Cat("wrapped ", config.previous);
    }
  }
  RBDCRYPT_CHECK(image_->SetAllMetadata(metadata).ok());
  if (!config.may_fence) {
    ceph.ForbidBlocklisting();
  }
  if (!config.on_its_way.empty()) {
    late.push_back({.dek = config.on_its_way});
  }
  for (int i = 0; i < config.rotators; ++i) {
    AddActor(std::string(1, static_cast<char>('A' + i)), /*is_stager=*/false);
  }
  if (config.has_stager) {
    AddActor("stager", /*is_stager=*/true);
  }
}

ModelWorld::~ModelWorld() {
  for (const auto& actor : actors_) {
    if (!actor->fiber->has_ended()) {
      Crash(*actor);
    }
  }
}

void ModelWorld::AddActor(const std::string& name, bool is_stager) {
  actors_.push_back(std::make_unique<ModelActor>(*this, name));
  ModelActor& actor = *actors_.back();
  actor.fiber = std::make_unique<Fiber>(
      [&actor, is_stager] { is_stager ? RunStager(actor) : RunRotator(actor); });
}

std::string ModelWorld::NameOf(const Secret& dek) const {
  const auto found = names_.find(std::string(dek.RevealText()));
  return found == names_.end() ? std::string(dek.RevealText()) : found->second;
}

Secret ModelWorld::DekOf(const std::string& name) const {
  for (const auto& [text, known_as] : names_) {
    if (known_as == name) {
      return Secret(std::string_view(text));
    }
  }
  return Secret(std::string_view(name));
}

void ModelWorld::NameDek(const Secret& dek, const std::string& name) {
  names_[std::string(dek.RevealText())] = name;
}

int ModelWorld::ChooseFault(const ModelActor& actor, int& budget, int options) {
  if (actor.is_dead || budget == 0) {
    return 0;
  }
  const int chosen = choices_.Choose(options);
  if (chosen != 0) {
    --budget;
    trace_.push_back(Cat(actor.name, ": fault ", chosen, " at ", actor.at));
  }
  return chosen;
}

void ModelWorld::Broken(const std::string& rule) {
  if (broken_.empty()) {
    broken_ = Cat(rule, "; before it:\n  ", Join(trace_, "\n  "));
  }
}

void ModelWorld::Store(const Late& write) {
  if (write.compares && write.version != deks.version) {
    return;
  }
  deks_before = deks;
  if (deks.current != write.dek) {
    deks.previous = Is(Mutation::kLosePrevious) ? "" : deks.current;
    deks.current = write.dek;
  }
  ++deks.version;
}

void ModelWorld::Step(ModelActor& actor) {
  trace_.push_back(Cat(actor.name, ": ", actor.at));
  last_ = &actor;
  actor.fiber->Resume();
}

// It learns nothing any more and changes nothing: all calls fail until it is at its end.
void ModelWorld::Crash(ModelActor& actor) {
  actor.process->Kill();
  actor.is_dead = true;
  actor.fiber->Resume();
  RBDCRYPT_CHECK(actor.fiber->has_ended());
}

void ModelWorld::Land(std::size_t index) {
  const Late write = late[index];
  late.erase(late.begin() + static_cast<std::ptrdiff_t>(index));
  Store(write);
}

// A standby has caught up by then.
void ModelWorld::Wait(std::chrono::seconds time) {
  clock.Advance(time);
  deks_before = deks;
}

// Whether its next step could only fail, for another holds the lock.
bool ModelWorld::IsWaiting(const ModelActor& actor) const {
  if (actor.at != "lock" || config_.is_one_program || Is(Mutation::kLockIsShared)) {
    return false;
  }
  const auto holder = pool_.locks().Holder(rbd::VolumeLockName(kModelVolume));
  return holder.ok() && holder->has_value();
}

std::vector<ModelWorld::Event> ModelWorld::Events() {
  std::vector<Event> events;
  AddActorEvents(events);
  if (events.empty() && late.empty()) {
    return events;
  }
  AddTimeEvents(events);
  AddLateEvents(events);
  AddSnapshotEvents(events);
  return events;
}

void ModelWorld::AddActorEvents(std::vector<Event>& events) {
  const bool last_goes_on = last_ != nullptr && !last_->fiber->has_ended() && !IsWaiting(*last_);
  for (const auto& each : actors_) {
    ModelActor& actor = *each;
    if (actor.fiber->has_ended()) {
      continue;
    }
    const bool is_preemption = last_goes_on && last_ != &actor;
    if (!IsWaiting(actor) && (!is_preemption || left.preemptions > 0)) {
      events.push_back({"", [this, &actor, is_preemption] {
                          left.preemptions -= is_preemption ? 1 : 0;
                          Step(actor);
                        }});
    }
    if (left.crashes > 0 && actor.at != "start" && &actor == last_) {
      events.push_back({Cat(actor.name, " dies before ", actor.at), [this, &actor] {
                          --left.crashes;
                          Crash(actor);
                        }});
    }
  }
}

// Time only passes where somebody waits for it. No write is on its way for longer than the grace
// (safety C): so one that does not compare has landed, or is lost, before that has passed.
void ModelWorld::AddTimeEvents(std::vector<Event>& events) {
  const bool somebody_waits = std::ranges::any_of(actors_, [this](const auto& actor) {
    return !actor->fiber->has_ended() && (actor->at == "again" || IsWaiting(*actor));
  });
  if (left.waits == 0 || !somebody_waits) {
    return;
  }
  const bool may_pass_grace =
      std::ranges::all_of(late, [](const Late& write) { return write.compares; });
  const std::chrono::seconds time = may_pass_grace
                                        ? std::chrono::minutes(16)
                                        : rbd::kVolumeLockDuration + std::chrono::seconds(1);
  events.push_back({Cat(time.count(), " s pass"), [this, time] {
                      --left.waits;
                      Wait(time);
                    }});
}

void ModelWorld::AddLateEvents(std::vector<Event>& events) {
  for (std::size_t i = 0; i < late.size(); ++i) {
    events.push_back({Cat("late write of ", late[i].dek, " lands"), [this, i] { Land(i); }});
    events.push_back({Cat("late write of ", late[i].dek, " is lost"),
                      [this, i] { late.erase(late.begin() + static_cast<std::ptrdiff_t>(i)); }});
  }
}

void ModelWorld::AddSnapshotEvents(std::vector<Event>& events) {
  if (left.snapshots > 0) {
    events.push_back({"a snapshot is taken", [this] {
                        --left.snapshots;
                        snapshots.push_back(Header());
                      }});
  }
  if (left.rollbacks > 0 && !snapshots.empty()) {
    events.push_back({"the snapshot is rolled back to", [this] {
                        --left.rollbacks;
                        is_rolled_back_ = true;
                        SetHeader(snapshots.front());
                      }});
  }
  if (left.administrators > 0) {
    events.push_back({"an administrator adds a keyslot", [this] {
                        --left.administrators;
                        has_administrators_ = true;
                        SetHeader(Cat(Header(), " ", kAdministrators));
                      }});
  }
}

std::string ModelWorld::Header() {
  return *image_->GetMetadata(kModelHeader);
}

void ModelWorld::SetHeader(const std::string& header) {
  RBDCRYPT_CHECK(image_->SetMetadata(kModelHeader, header).ok());
}

ModelDeks ModelWorld::StoredNow() {
  if (config_.store != ModelStore::kInTheImage) {
    return deks;
  }
  const auto key = [&](const char* name) {
    const std::string text = image_->GetMetadata(name).value_or("");
    return text.empty() ? "" : text.substr(std::string_view("wrapped ").size());
  };
  return {.current = key(rbd::kMetaDek), .previous = key(rbd::kMetaPreviousDek)};
}

std::uint64_t ModelWorld::State() {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  Mix(hash, Cat(deks.current, " ", deks.previous, " ", deks.version, " ", deks_before.current, " ",
                deks_before.previous, " ", deks_before.version, " ", is_rolled_back_));
  Mix(hash, Cat(left.preemptions, " ", left.crashes, " ", left.kms_faults, " ", left.image_faults,
                " ", left.lost_commits, " ", left.snapshots, " ", left.rollbacks, " ",
                left.administrators, " ", left.waits));
  for (const Late& write : late) {
    Mix(hash, Cat(write.dek, " ", write.version, " ", write.compares));
  }
  for (const std::string& snapshot : snapshots) {
    Mix(hash, snapshot);
  }
  const auto metadata = *image_->ListMetadata();
  for (const auto& [key, value] : metadata) {
    Mix(hash, Cat(key, "=", value));
  }
  const auto objects = ceph.Objects();
  for (const auto& [object, values] : objects) {
    for (const auto& [key, value] : values) {
      Mix(hash, Cat(object, " ", key));
    }
  }
  const auto holder = pool_.locks().Holder(rbd::VolumeLockName(kModelVolume));
  Mix(hash, holder.ok() && holder->has_value() ? (*holder)->address : "");
  for (const auto& actor : actors_) {
    Mix(hash, Cat(actor->at, " ", actor->history, " ", actor->is_dead, " ",
                  actor->fiber->has_ended(), " ", actor.get() == last_));
  }
  Mix(hash, std::to_string(clock.Now().time_since_epoch().count()));
  return hash;
}

// What must be so at any time.
void ModelWorld::Check() {
  const std::vector<std::string> keys = ParseModelHeader(Header());
  const ModelDeks stored = StoredNow();
  const auto opens = [&](const std::string& dek) {
    return !dek.empty() && std::ranges::count(keys, dek) > 0;
  };
  if (!opens(stored.current) && !opens(stored.previous)) {
    Broken(Cat("LOST: no stored DEK (", stored.current, ", ", stored.previous,
               ") opens the header ", Header()));
  }
  const bool starts_rolled_back = !std::ranges::count(config_.keyslots, config_.current);
  if (!opens(stored.current) && !is_rolled_back_ && !starts_rolled_back) {
    Broken(Cat("the current DEK ", stored.current, " does not open the header ", Header()));
  }
  for (const std::string& snapshot : snapshots) {
    const std::vector<std::string> of_snapshot = ParseModelHeader(snapshot);
    if (!std::ranges::count(of_snapshot, stored.current) &&
        !std::ranges::count(of_snapshot, stored.previous)) {
      Broken(Cat("no stored DEK opens the snapshot ", snapshot));
    }
  }
  if (has_administrators_ && !is_rolled_back_ && !std::ranges::count(keys, kAdministrators)) {
    Broken("the administrator's keyslot is gone");
  }
}

std::string ModelWorld::Run() {
  while (broken_.empty()) {
    if (!choices_.IsRepeating() && !choices_.IsNew(State())) {
      return "";
    }
    const std::vector<Event> events = Events();
    if (events.empty()) {
      break;
    }
    const auto chosen = static_cast<std::size_t>(choices_.Choose(static_cast<int>(events.size())));
    if (!events[chosen].what.empty()) {
      trace_.push_back(events[chosen].what);
    }
    events[chosen].run();
    if (!choices_.IsRepeating()) {
      Check();
    }
  }
  if (broken_.empty()) {
    Close();
  }
  return broken_;
}

// In the end, with nothing on its way and nothing failing, a rotation succeeds and leaves one
// keyslot of ours that a new DEK opens.
void ModelWorld::Close() {
  left = {.preemptions = 0, .crashes = 0, .kms_faults = 0};
  AddActor("closer", /*is_stager=*/false);
  ModelActor& closer = *actors_.back();
  trace_.push_back("all have ended");
  last_ = nullptr;
  while (!closer.fiber->has_ended() && broken_.empty()) {
    if (closer.at == "again") {
      Wait(std::chrono::minutes(16));
      // What a snapshot needs is not pushed out: it is removed.
      snapshots.clear();
    }
    Step(closer);
    Check();
  }
  CheckClosed(closer);
}

void ModelWorld::CheckClosed(const ModelActor& closer) {
  if (!broken_.empty()) {
    return;
  }
  if (!closer.last.ok()) {
    Broken(Cat("the last rotation failed: ", Message(closer.last)));
    return;
  }
  const std::vector<std::string> keys = ParseModelHeader(Header());
  const ModelDeks stored = StoredNow();
  const bool is_one = (keys[0] == stored.current) != (keys[1] == stored.current) &&
                      (keys[0] == "-" || keys[1] == "-");
  const bool is_new = !std::ranges::count(config_.keyslots, stored.current);
  if (!is_one || !is_new) {
    Broken(Cat("the last rotation left ", Header(), " for ", stored.current));
  }
}

}  // namespace rbdcrypt::testing
