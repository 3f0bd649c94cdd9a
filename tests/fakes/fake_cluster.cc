// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_cluster.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "tests/fakes/fake_connection.h"

namespace rbdcrypt::testing {
namespace {

// Effects made by a hook run no hook themselves.
thread_local bool t_in_hook = false;

Status ProcessDied() {
  return Unavailable("the process ended here (fault injection)");
}

}  // namespace

FakeProcess::FakeProcess(FakeCeph& ceph) : ceph_(ceph), life_(std::make_shared<FakeLife>()) {}

Result<std::shared_ptr<rbd::Connection>> FakeProcess::Shared(const rbd::ClusterAddress& address,
                                                             const rbd::Credentials& credentials) {
  const std::string name =
      Cat(Join(address.monitors, ","), "|", credentials.user, "|", credentials.key.RevealText());
  absl::MutexLock lock(&mutex_);
  if (const auto known = shared_.find(name); known != shared_.end() && !known->second->IsFenced()) {
    return known->second;
  }
  ASSIGN_OR_RETURN(shared_[name], Connect(credentials));
  return shared_[name];
}

Result<std::shared_ptr<rbd::Connection>> FakeProcess::Exclusive(
    const rbd::ClusterAddress& /*address*/, const rbd::Credentials& credentials) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(exclusive_, [](const auto& idle) { return idle->IsFenced(); });
  for (const std::shared_ptr<rbd::Connection>& connection : exclusive_) {
    if (connection.use_count() == 1) {
      return connection;
    }
  }
  ASSIGN_OR_RETURN(std::shared_ptr<rbd::Connection> connection, Connect(credentials));
  exclusive_.push_back(connection);
  return connection;
}

Result<std::shared_ptr<rbd::Connection>> FakeProcess::Connect(const rbd::Credentials& credentials) {
  mutex_.AssertHeld();
  ASSIGN_OR_RETURN(std::shared_ptr<const FakeClient> client, ceph_.NewClient(credentials, life_));
  return std::make_shared<FakeConnection>(ceph_, std::move(client));
}

void FakeProcess::FailAfterEffects(int count, LastEffect last) {
  absl::MutexLock lock(&mutex_);
  ceph_.Touch([&](FakeCephModel&) {
    mutex_.AssertHeld();
    life_->effects_left = count;
    life_->last_one_lands = last == LastEffect::kLands;
  });
}

void FakeProcess::Kill() {
  absl::MutexLock lock(&mutex_);
  ceph_.EndLife(*life_);
}

bool FakeProcess::IsDead() const {
  absl::MutexLock lock(&mutex_);
  bool is_dead = false;
  ceph_.Touch([&](FakeCephModel&) {
    mutex_.AssertHeld();
    is_dead = life_->died_at.has_value();
  });
  return is_dead;
}

void FakeProcess::Revive(DeadWatchers watchers) {
  absl::MutexLock lock(&mutex_);
  ceph_.EndLife(*life_);
  if (watchers == DeadWatchers::kGone) {
    ceph_.DropWatchers(*life_);
  }
  life_ = std::make_shared<FakeLife>();
  shared_.clear();
  exclusive_.clear();
}

FakeCeph::FakeCeph(FakeClock& clock) : clock_(clock) {
  auto admin_life = std::make_shared<FakeLife>();
  admin_life->is_admin = true;
  admin_ = std::make_unique<FakeConnection>(
      *this, std::make_shared<FakeClient>(FakeClient{
                 .name = "client.1", .address = "127.0.0.1:0/1", .life = std::move(admin_life)}));
  AddPool("rbd", 1);
}

FakeCeph::~FakeCeph() = default;

std::unique_ptr<FakeProcess> FakeCeph::StartProcess() {
  return std::make_unique<FakeProcess>(*this);
}

rbd::Pool& FakeCeph::Admin(std::int64_t pool_id, const std::string& rados_namespace) {
  const Result<std::string> name = admin_->PoolName(pool_id);
  RBDCRYPT_CHECK(name.ok());
  Result<std::unique_ptr<rbd::Pool>> pool = admin_->OpenPool(*name, rados_namespace);
  RBDCRYPT_CHECK(pool.ok());
  absl::MutexLock lock(&mutex_);
  return *admin_pools_.try_emplace(Cat(*name, "/", rados_namespace), *std::move(pool))
              .first->second;
}

Result<std::shared_ptr<const FakeClient>> FakeCeph::NewClient(const rbd::Credentials& credentials,
                                                              std::shared_ptr<FakeLife> life) {
  const std::uint64_t number = NextNumber();
  auto client = std::make_shared<FakeClient>(FakeClient{
      .name = Cat("client.", number),
      .address = Cat("127.0.0.1:0/", 1'000'000'000 + number),
      .life = std::move(life),
  });
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Admit(*client));
  const auto user = users_.find(credentials.user);
  if (!users_.empty() && (user == users_.end() || user->second != credentials.key.RevealText())) {
    return PermissionDenied(Cat("Ceph user ", credentials.user, ": the key is wrong"));
  }
  return client;
}

Status FakeCeph::Admit(const FakeClient& client) const {
  if (client.life->is_admin) {
    return OkStatus();
  }
  if (client.life->died_at.has_value()) {
    return ProcessDied();
  }
  if (is_down_) {
    return Unavailable("no monitor answers");
  }
  if (IsBlocklisted(client)) {
    return Aborted("this client was fenced");
  }
  return OkStatus();
}

bool FakeCeph::IsBlocklisted(const FakeClient& client) const {
  const auto entry = model_.blocklist.find(client.address);
  return entry != model_.blocklist.end() && clock_.Now() < entry->second;
}

bool FakeCeph::IsFenced(const FakeClient& client) const {
  absl::MutexLock lock(&mutex_);
  return IsBlocklisted(client);
}

Status FakeCeph::Ask(const FakeClient& client, const Question& question) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Admit(client));
  return question(model_);
}

Status FakeCeph::Change(const FakeClient& client, const Plan& plan) {
  std::function<void(const std::string&)> hook;
  FakeEffect effect;
  {
    absl::MutexLock lock(&mutex_);
    RETURN_IF_ERROR(Admit(client));
    ASSIGN_OR_RETURN(effect, plan(model_));
    if (!effect.land) {
      return OkStatus();
    }
    if (client.life->is_admin) {
      effect.land();
      return OkStatus();
    }
    RETURN_IF_ERROR(Land(*client.life, effect));
    hook = hook_;
  }
  if (hook && !t_in_hook) {
    t_in_hook = true;
    hook(effect.what);
    t_in_hook = false;
  }
  return OkStatus();
}

Status FakeCeph::Land(FakeLife& life, const FakeEffect& effect) {
  const auto failure = std::find_if(failures_.begin(), failures_.end(), [&](const Failure& one) {
    return effect.what.starts_with(one.prefix);
  });
  const bool is_last = life.effects_left == 0;
  const bool lands = (!is_last || life.last_one_lands) &&
                     (failure == failures_.end() || failure->last == LastEffect::kLands);
  if (lands) {
    effect.land();
    effects_.push_back(effect.what);
  }
  if (is_last) {
    life.died_at = clock_.Now();
    return ProcessDied();
  }
  if (failure != failures_.end()) {
    const Status error = failure->error;
    failures_.erase(failure);
    return error;
  }
  if (life.effects_left.has_value()) {
    --*life.effects_left;
  }
  return OkStatus();
}

void FakeCeph::Touch(const std::function<void(FakeCephModel& model)>& change) {
  absl::MutexLock lock(&mutex_);
  change(model_);
}

void FakeCeph::EndLife(FakeLife& life) {
  absl::MutexLock lock(&mutex_);
  if (!life.died_at.has_value()) {
    life.died_at = clock_.Now();
  }
}

bool FakeCeph::MayBlocklist() const {
  absl::MutexLock lock(&mutex_);
  return may_blocklist_;
}

}  // namespace rbdcrypt::testing
