// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/status.h"
#include "rbd/cluster.h"
#include "tests/fakes/fake_ceph_model.h"
#include "tests/support/fake_clock.h"

namespace rbdcrypt::testing {

class FakeCeph;

// Whether the effect at which a process dies is done, its answer lost, or not done at all.
enum class LastEffect { kIsLost, kLands };

// What becomes of the watchers of a life that ended: RADOS drops them after 30 s.
enum class DeadWatchers { kLinger, kGone };

// A program that talks to the cluster: every connection it asked for lives and dies with it.
//
//   auto controller = ceph.StartProcess();
//   controller->FailAfterEffects(3);       // three effects land, the fourth kills it
//   EXPECT_THAT(flow.Create(...), StatusIs(Code::kUnavailable));
//   controller->Revive();                  // a new life; locks of the old one stay till they
//   expire
//
// A dead process gets kUnavailable from everything. Thread safe. Must not outlive its FakeCeph.
class FakeProcess final : public rbd::ConnectionSource {
 public:
  explicit FakeProcess(FakeCeph& ceph);

  Result<std::shared_ptr<rbd::Connection>> Shared(const rbd::ClusterAddress& address,
                                                  const rbd::Credentials& credentials) override;
  Result<std::shared_ptr<rbd::Connection>> Exclusive(const rbd::ClusterAddress& address,
                                                     const rbd::Credentials& credentials) override;

  // `count` more effects are done and answered; the next one ends the process.
  void FailAfterEffects(int count, LastEffect last = LastEffect::kIsLost);

  // Ends it now.
  void Kill();
  bool IsDead() const;

  // Ends the old life if it has not, and begins a new one: new addresses, no limit of effects.
  void Revive(DeadWatchers watchers = DeadWatchers::kLinger);

 private:
  Result<std::shared_ptr<rbd::Connection>> Connect(const rbd::Credentials& credentials);

  FakeCeph& ceph_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<FakeLife> life_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<rbd::Connection>> shared_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<rbd::Connection>> exclusive_ ABSL_GUARDED_BY(mutex_);
};

// A Ceph cluster in memory: pools, namespaces, objects with omaps and locks, images with bytes,
// metadata and watchers, trash, blocklist. Time is the clock's. Born with pool "rbd", number 1.
//
// Everything that changes it is one *effect*, atomic and durable at once, and leaves a line in
// effects() that says what it was:
//
//   omap.create OBJECT            omap.set OBJECT KEY[,KEY]   omap.unset OBJECT KEY
//   omap.remove OBJECT            lock.acquire OBJECT         lock.renew OBJECT
//   lock.release OBJECT           lock.break OBJECT           image.create NAME
//   image.write OFFSET+LENGTH     image.metadata KEY          image.metadata-remove KEY
//   image.compare-and-write OFFSET+512                        image.grow BYTES
//   trash.move NAME               trash.purge ID              client.blocklist ADDRESS
//
// Calls that change nothing (a compare that fails, removing what is not there) are no effects.
// A blocklisted client gets kAborted from everything and loses its watches at once, its locks
// stay, as in RADOS. Thread safe; outlives all that it hands out. Behaves as the real cluster does,
// shown by tests/contract/ceph_contract.h.
class FakeCeph {
 public:
  explicit FakeCeph(FakeClock& clock);
  ~FakeCeph();
  FakeCeph(const FakeCeph&) = delete;
  FakeCeph& operator=(const FakeCeph&) = delete;

  void AddPool(const std::string& name, std::int64_t id);
  void RemovePool(std::int64_t id);
  void AddNamespace(std::int64_t pool_id, const std::string& rados_namespace);

  // From now on this user needs this key, others are refused; before, anybody is let in.
  void AddUser(const std::string& user, const std::string& key);
  void ForbidBlocklisting();

  // Nobody answers: kUnavailable for all.
  void SetDown(bool is_down);

  std::unique_ptr<FakeProcess> StartProcess();

  // The test's own hand on a pool: never dies, its changes are no effects. `rbd` is number 1.
  rbd::Pool& Admin(std::int64_t pool_id = 1, const std::string& rados_namespace = "");

  // What landed so far, in order.
  std::vector<std::string> effects() const;
  void ClearEffects();

  // Runs `hook` after each effect that landed, before its caller hears of it: the place to let a
  // second controller act. Effects made inside a hook run none. nullptr for none.
  void OnEffect(std::function<void(const std::string& effect)> hook);

  // The next effect whose line begins with `prefix` fails with `error`, done or not; the process
  // lives on.
  void FailOnce(const std::string& prefix, const Status& error, LastEffect last);

  // Hands on an image, which must be there.
  void AddWatcher(const std::string& image, const std::string& address, std::int64_t pool_id = 1);
  void RemoveWatchers(const std::string& image, std::int64_t pool_id = 1);
  void TakeSnapshot(const std::string& image, const std::string& name, std::int64_t pool_id = 1);
  void FailSnapshotReads(const std::string& image, std::int64_t pool_id = 1);
  void RemoveSnapshot(const std::string& image, const std::string& name, std::int64_t pool_id = 1);

  // The image's bytes are again what they were; its metadata stays, as `rbd snap rollback` has it.
  void RollBack(const std::string& image, const std::string& name, std::int64_t pool_id = 1);
  void SetClones(const std::string& image, bool has_any, std::int64_t pool_id = 1);

  // Reading any byte of `range` gives kUnavailable; an empty range heals all.
  void FailReads(const std::string& image, const rbd::Extent& range, std::int64_t pool_id = 1);

  // All objects with their omaps, to compare states as a whole.
  std::map<std::string, rbd::OmapValues> Objects(std::int64_t pool_id = 1,
                                                 const std::string& rados_namespace = "") const;

  // For the parts in tests/fakes: an answer from the model, or one change of it.
  using Question = std::function<Status(FakeCephModel& model)>;
  using Plan = std::function<Result<FakeEffect>(FakeCephModel& model)>;
  Status Ask(const FakeClient& client, const Question& question);
  Status Change(const FakeClient& client, const Plan& plan);

  // Also for them: no rights or life needed.
  void Touch(const std::function<void(FakeCephModel& model)>& change);
  bool IsFenced(const FakeClient& client) const;

  Clock::TimePoint Now() const { return clock_.Now(); }

  Result<std::shared_ptr<const FakeClient>> NewClient(const rbd::Credentials& credentials,
                                                      std::shared_ptr<FakeLife> life);
  bool MayBlocklist() const;
  void EndLife(FakeLife& life);
  void DropWatchers(const FakeLife& life);

  std::uint64_t NextNumber() { return ++last_number_; }

 private:
  struct Failure {
    std::string prefix;
    Status error;
    LastEffect last;
  };

  Status Admit(const FakeClient& client) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Status Land(FakeLife& life, const FakeEffect& effect) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsBlocklisted(const FakeClient& client) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  FakeImageData& ImageOf(const std::string& image, std::int64_t pool_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  FakeClock& clock_;
  std::atomic<std::uint64_t> last_number_ = 4100;
  mutable absl::Mutex mutex_;
  FakeCephModel model_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> users_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> effects_ ABSL_GUARDED_BY(mutex_);
  std::vector<Failure> failures_ ABSL_GUARDED_BY(mutex_);
  std::function<void(const std::string&)> hook_ ABSL_GUARDED_BY(mutex_);
  bool is_down_ ABSL_GUARDED_BY(mutex_) = false;
  bool may_blocklist_ ABSL_GUARDED_BY(mutex_) = true;
  std::unique_ptr<rbd::Connection> admin_;
  std::map<std::string, std::unique_ptr<rbd::Pool>> admin_pools_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::testing
