// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/rotation/model_parts.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "rbd/names.h"

namespace rbdcrypt::testing {
namespace {

Status NoAnswer() {
  return Unavailable("no answer");
}

std::vector<std::string> Names(const std::string& header) {
  return ParseModelHeader(header);
}

}  // namespace

std::vector<std::string> ParseModelHeader(const std::string& text) {
  return Split(text, ' ');
}

Result<std::string> ModelImage::GetMetadata(std::string_view key) {
  Result<std::string> value = real_->GetMetadata(key);
  actor_.Learn(Cat(key, "=", value.ok() ? *value : CodeName(value.status().code())));
  return value;
}

Status ModelImage::Change(const std::string& what, const std::function<Status()>& change) {
  actor_.Point(what);
  const int fault = actor_.world.ChooseFault(actor_, actor_.world.left.image_faults, 3);
  const Status status = fault == 1 ? OkStatus() : change();
  actor_.Learn(fault == 0 ? CodeName(status.code()) : "no answer");
  return fault == 0 ? status : NoAnswer();
}

Status ModelImage::SetAllMetadata(const std::map<std::string, std::string>& pairs) {
  const bool is_of_sent_dek = pairs.contains(rbd::kMetaDekSentAt);
  if (is_of_sent_dek && actor_.world.Is(Mutation::kForgetSentDeks)) {
    return OkStatus();
  }
  return Change(Cat("set ", pairs.begin()->first), [&] { return real_->SetAllMetadata(pairs); });
}

Status ModelImage::RemoveMetadata(std::string_view key) {
  return Change(Cat("remove ", key), [&] { return real_->RemoveMetadata(key); });
}

Result<std::vector<rbd::Snapshot>> ModelImage::Snapshots() {
  const std::size_t count = actor_.world.snapshots.size();
  actor_.Learn(Cat(count, " snapshots"));
  return std::vector<rbd::Snapshot>(count);
}

Status ModelKeyslots::Load(const Context& /*context*/) {
  actor_.Point("load header");
  if (!added_.empty() && actor_.world.Is(Mutation::kNoReload)) {
    loaded_ = Join(edited_, " ");
    return OkStatus();
  }
  if (!held_back_.empty() && ++looks_ > 1) {
    RETURN_IF_ERROR(real_.SetMetadata(kModelHeader, std::exchange(held_back_, "")));
  }
  ASSIGN_OR_RETURN(loaded_, real_.GetMetadata(kModelHeader));
  edited_ = Names(held_back_.empty() ? loaded_ : held_back_);
  actor_.Learn(loaded_);
  return OkStatus();
}

std::vector<rbd::KeyslotInfo> ModelKeyslots::Slots() const {
  std::vector<rbd::KeyslotInfo> slots;
  for (std::size_t i = 0; i < edited_.size(); ++i) {
    if (edited_[i] != "-") {
      slots.push_back({.number = static_cast<int>(i), .fingerprint = Cat(i, edited_[i])});
    }
  }
  return slots;
}

Result<bool> ModelKeyslots::Opens(const Context& /*context*/, const Secret& dek, int number) {
  const std::string name = actor_.world.NameOf(dek);
  if (name == added_ && actor_.world.Is(Mutation::kNoProof)) {
    return true;
  }
  return edited_.at(static_cast<std::size_t>(number)) == name;
}

Result<rbd::KeyslotInfo> ModelKeyslots::Add(const Context& /*context*/,
                                            const Secret& known,
                                            const Secret& added) {
  if (!std::ranges::count(edited_, actor_.world.NameOf(known))) {
    return Unauthenticated("the known key opens none");
  }
  const auto free = std::ranges::find(edited_.begin(), edited_.begin() + 2, std::string("-"));
  if (free == edited_.begin() + 2) {
    return ResourceExhausted("no keyslot is free");
  }
  added_ = Cat(actor_.name, ++actor_.deks_made);
  actor_.world.NameDek(added, added_);
  *free = added_;
  const int number = static_cast<int>(free - edited_.begin());
  return rbd::KeyslotInfo{.number = number, .fingerprint = Cat(number, added_)};
}

Status ModelKeyslots::Drop(int number) {
  edited_.at(static_cast<std::size_t>(number)) = "-";
  const bool is_empty = std::ranges::all_of(edited_, [](const auto& key) { return key == "-"; });
  return is_empty ? FailedPrecondition("the last keyslot is kept") : OkStatus();
}

Status ModelKeyslots::Commit(const Context& /*context*/) {
  actor_.Point(Cat("commit ", Join(edited_, " ")));
  if (actor_.world.Is(Mutation::kStoreBeforeAdd) && std::ranges::count(edited_, added_) > 0 &&
      looks_ == 0) {
    held_back_ = Join(edited_, " ");
    return OkStatus();
  }
  const Result<std::string> now = real_.GetMetadata(kModelHeader);
  const bool compares = !actor_.world.Is(Mutation::kCommitWithoutCompare);
  Status status = now.status();
  if (now.ok()) {
    status = compares && *now != loaded_ ? Aborted("somebody else wrote the header")
                                         : Write(Join(edited_, " "));
  }
  actor_.Learn(CodeName(status.code()));
  return status;
}

Status ModelKeyslots::Write(const std::string& text) {
  ModelWorld& world = actor_.world;
  if (world.ChooseFault(actor_, world.left.lost_commits, 2) == 1) {
    return OkStatus();
  }
  const int fault = world.ChooseFault(actor_, world.left.image_faults, 3);
  const Status status = fault == 1 ? OkStatus() : real_.SetMetadata(kModelHeader, text);
  return fault == 0 ? status : NoAnswer();
}

Result<std::vector<std::string>> ModelSnapshots::NotOpenedBy(const Context& /*context*/,
                                                             const Secret& known,
                                                             const Secret* other) {
  const ModelWorld& world = actor_.world;
  std::vector<std::string> names;
  for (const std::string& header : world.snapshots) {
    const std::vector<std::string> keys = Names(header);
    const auto opens = [&](const Secret& dek) {
      return std::ranges::count(keys, world.NameOf(dek));
    };
    if (!opens(known) && (other == nullptr || opens(*other))) {
      names.push_back(header);
    }
  }
  actor_.Learn(Join(names, ";"));
  return names;
}

Status ModelConnection::Noted(Status status) const {
  actor_.Learn(CodeName(status.code()));
  return status;
}

Status ModelConnection::Blocklist(std::string_view address, std::chrono::seconds duration) {
  actor_.Point("fence");
  if (actor_.world.Is(Mutation::kNobodyIsFenced)) {
    return OkStatus();
  }
  return Noted(real_->Blocklist(address, duration));
}

Status ModelConnection::Acquire(const rbd::LockName& lock,
                                std::chrono::seconds duration,
                                const rbd::LockNote& note) {
  actor_.Point("lock");
  if (actor_.world.Is(Mutation::kLockIsShared)) {
    return OkStatus();
  }
  return Noted(pool_->locks().Acquire(lock, duration, note));
}

Status ModelConnection::Renew(const rbd::LockName& lock, std::chrono::seconds duration) {
  actor_.Point("renew");
  return actor_.world.Is(Mutation::kLockIsShared) ? OkStatus()
                                                  : Noted(pool_->locks().Renew(lock, duration));
}

Status ModelConnection::Release(const rbd::LockName& lock, std::string_view note_key) {
  actor_.Point("unlock");
  return actor_.world.Is(Mutation::kLockIsShared) ? OkStatus()
                                                  : Noted(pool_->locks().Release(lock, note_key));
}

Status ModelConnection::Break(const rbd::LockName& lock, const rbd::LockHolder& holder) {
  actor_.Point("break lock");
  return Noted(pool_->locks().Break(lock, holder));
}

}  // namespace rbdcrypt::testing
