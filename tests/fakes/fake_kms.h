// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "kms/kms.h"
#include "kms/local_ring.h"

namespace rbdcrypt::testing {

// What goes wrong with one call.
enum class KmsFault {
  kNotDone,     // kUnavailable, nothing happened
  kAnswerLost,  // the write lands, the answer is kUnavailable
  kForgotten,   // the answer is a version, nothing happened
  kLandsLater,  // the answer is kUnavailable; the write lands at LandLateWrites()
  kDenied,      // kPermissionDenied, nothing happened
  kStops,       // as kAnswerLost, and every later call fails until Restart(): the caller died
};

// A key manager in memory that keeps DEKs, and fails at the step a test names. Thread safe.
//
//   FakeKms kms({.can_compare_and_set = false});
//   kms.FailWrite(2, KmsFault::kAnswerLost);
//
// A late write lands by the store's rules at that time: one that compares and sets drops it if
// the version it was prepared against is no longer current; another lets it win.
class FakeKms final : public kms::Kms, public kms::DekStore {
 public:
  struct Options {
    std::string id = "fake";
    bool can_compare_and_set = true;
    std::size_t dek_bytes = 20;
  };

  FakeKms();
  explicit FakeKms(Options options);

  // The n-th call, or the n-th write, from now on, counted from 1. A later rule for the same
  // number replaces it; reads take all but kDenied and kStops as kNotDone.
  void FailCall(int n, KmsFault fault);
  void FailWrite(int n, KmsFault fault);

  // Runs at each write, as soon as its context was found good; must not call this object.
  void OnWrite(std::function<void()> hook);

  // Every call answers kUnavailable, or kPermissionDenied.
  void SetDown(bool down);
  void SetDenied(bool denied);

  // After kStops: calls work again, rules that did not fire are gone.
  void Restart();

  // Reads answer from what is stored now, as a standby that lags behind does, until thawed.
  void FreezeReads();
  void ThawReads();

  // In the order they were sent.
  void LandLateWrites();

  // Calls of one kind ("Fetch", "Create", "Replace", "FetchPrevious", "RemovePrevious", "Remove"),
  // failed ones included; all calls; all writes.
  int calls(std::string_view method) const;
  int calls() const;
  int writes() const;

  // The text of the current or previous DEK, past all faults; "" where there is none.
  std::string CurrentForTest(std::string_view volume_id) const;
  std::string PreviousForTest(std::string_view volume_id) const;

  // How many volumes have a current DEK.
  int deks() const;

  const std::string& id() const override { return options_.id; }

  std::string_view provider() const override { return "fake"; }

  std::size_t dek_bytes() const override { return options_.dek_bytes; }

  kms::DekStore* store() override { return this; }

  bool CanCompareAndSet() const override { return options_.can_compare_and_set; }

  Result<kms::StoredDek> Fetch(const Context& context, std::string_view volume_id) override;
  Result<std::string> Create(const Context& context,
                             std::string_view volume_id,
                             const Secret& dek) override;
  Result<std::string> Replace(const Context& context,
                              std::string_view volume_id,
                              std::string_view expected_version,
                              const Secret& dek) override;
  Result<kms::StoredDek> FetchPrevious(const Context& context, std::string_view volume_id) override;
  Status RemovePrevious(const Context& context, std::string_view volume_id) override;
  Status Remove(const Context& context, std::string_view volume_id) override;

 private:
  struct Entry {
    std::string dek;
    int version = 0;
  };

  struct Volume {
    std::optional<Entry> current;
    std::optional<Entry> previous;
  };

  using Volumes = std::map<std::string, Volume, std::less<>>;
  using Effect = std::function<void(FakeKms&)>;

  // Counts the call and says what is to go wrong with it.
  std::optional<KmsFault> Count(std::string_view method, bool is_write)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Status Read(const Context& context, std::string_view method)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Status Write(const Context& context,
               std::string_view method,
               const std::function<Status()>& refuse,
               const Effect& effect) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Result<kms::StoredDek> Answer(std::string_view volume_id,
                                std::optional<Entry> Volume::*which) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int CurrentVersion(std::string_view volume_id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Store(const std::string& volume_id, int expected, const std::string& dek)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  mutable absl::Mutex mutex_;
  Volumes volumes_ ABSL_GUARDED_BY(mutex_);
  std::optional<Volumes> frozen_ ABSL_GUARDED_BY(mutex_);
  std::vector<Effect> late_ ABSL_GUARDED_BY(mutex_);
  std::map<int, KmsFault> call_faults_ ABSL_GUARDED_BY(mutex_);
  std::map<int, KmsFault> write_faults_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int, std::less<>> calls_by_method_ ABSL_GUARDED_BY(mutex_);
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  int writes_ ABSL_GUARDED_BY(mutex_) = 0;
  int last_version_ ABSL_GUARDED_BY(mutex_) = 0;
  std::function<void()> on_write_ ABSL_GUARDED_BY(mutex_);
  bool down_ ABSL_GUARDED_BY(mutex_) = false;
  bool denied_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

// A key manager that wraps DEKs (with a real key ring, in memory), can be down or say no, and
// counts its calls. Thread safe.
class FakeWrappingKms final : public kms::Kms, public kms::DekWrapper {
 public:
  explicit FakeWrappingKms(std::string id = "fake-wrapping");

  void SetDown(bool down);
  void SetDenied(bool denied);

  // A new KEK version, which wraps from now on.
  void RotateKek();

  // kNotFound from every text the version wrapped.
  void PruneKek(std::uint32_t version);

  // For FakeKeyAdmin. kFailedPrecondition: it is the version that wraps. kNotFound: none of that
  // number.
  Status DestroyKek(const Context& context, std::uint32_t version);

  // The version that wraps.
  std::uint32_t kek() const;

  // The version that wrapped a text. kFailedPrecondition: that of another key manager's ring.
  Result<std::uint32_t> KekOf(const Context& context, std::string_view wrapped) const;

  int wraps() const;
  int unwraps() const;

  const std::string& id() const override { return id_; }

  std::string_view provider() const override { return "fake-wrapping"; }

  std::size_t dek_bytes() const override { return 20; }

  kms::DekWrapper* wrapper() override { return this; }

  Result<std::string> WrapDek(const Context& context,
                              std::string_view volume_id,
                              const Secret& dek) override;
  Result<Secret> UnwrapDek(const Context& context,
                           std::string_view volume_id,
                           std::string_view wrapped) override;

 private:
  Status Check(const Context& context) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string id_;
  mutable absl::Mutex mutex_;
  kms::LocalRing ring_ ABSL_GUARDED_BY(mutex_);
  bool down_ ABSL_GUARDED_BY(mutex_) = false;
  bool denied_ ABSL_GUARDED_BY(mutex_) = false;
  int wraps_ ABSL_GUARDED_BY(mutex_) = 0;
  int unwraps_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace rbdcrypt::testing
