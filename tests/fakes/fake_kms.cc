// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_kms.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/strings.h"
#include "kms/local_text.h"

namespace rbdcrypt::testing {
namespace {

Status NoAnswer(std::string_view id) {
  return Unavailable(Cat("KMS \"", id, "\" does not answer"));
}

Status SaysNo(std::string_view id) {
  return PermissionDenied(Cat("KMS \"", id, "\" says no"));
}

Status ErrorOf(KmsFault fault, std::string_view id) {
  return fault == KmsFault::kDenied ? SaysNo(id) : NoAnswer(id);
}

std::chrono::system_clock::time_point AnyTime() {
  return std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);
}

kms::LocalRing NewRing() {
  Result<kms::LocalRing> ring = kms::LocalRing::New(256, AnyTime());
  RBDCRYPT_CHECK(ring.ok());
  return *std::move(ring);
}

}  // namespace

FakeKms::FakeKms() : FakeKms(Options{}) {}

FakeKms::FakeKms(Options options) : options_(std::move(options)) {}

void FakeKms::FailCall(int n, KmsFault fault) {
  absl::MutexLock lock(&mutex_);
  call_faults_[calls_ + n] = fault;
}

void FakeKms::FailWrite(int n, KmsFault fault) {
  absl::MutexLock lock(&mutex_);
  write_faults_[writes_ + n] = fault;
}

void FakeKms::SetDown(bool down) {
  absl::MutexLock lock(&mutex_);
  down_ = down;
}

void FakeKms::SetDenied(bool denied) {
  absl::MutexLock lock(&mutex_);
  denied_ = denied;
}

void FakeKms::Restart() {
  absl::MutexLock lock(&mutex_);
  stopped_ = false;
  call_faults_.clear();
  write_faults_.clear();
}

void FakeKms::OnWrite(std::function<void()> hook) {
  absl::MutexLock lock(&mutex_);
  on_write_ = std::move(hook);
}

void FakeKms::FreezeReads() {
  absl::MutexLock lock(&mutex_);
  frozen_ = volumes_;
}

void FakeKms::ThawReads() {
  absl::MutexLock lock(&mutex_);
  frozen_.reset();
}

void FakeKms::LandLateWrites() {
  absl::MutexLock lock(&mutex_);
  for (const Effect& effect : std::exchange(late_, {})) {
    effect(*this);
  }
}

int FakeKms::calls(std::string_view method) const {
  absl::MutexLock lock(&mutex_);
  const auto found = calls_by_method_.find(method);
  return found == calls_by_method_.end() ? 0 : found->second;
}

int FakeKms::calls() const {
  absl::MutexLock lock(&mutex_);
  return calls_;
}

int FakeKms::writes() const {
  absl::MutexLock lock(&mutex_);
  return writes_;
}

std::string FakeKms::CurrentForTest(std::string_view volume_id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = volumes_.find(volume_id);
  return found == volumes_.end() || !found->second.current ? "" : found->second.current->dek;
}

int FakeKms::deks() const {
  const absl::MutexLock lock(&mutex_);
  return static_cast<int>(std::count_if(volumes_.begin(), volumes_.end(), [](const auto& volume) {
    return volume.second.current.has_value();
  }));
}

std::string FakeKms::PreviousForTest(std::string_view volume_id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = volumes_.find(volume_id);
  return found == volumes_.end() || !found->second.previous ? "" : found->second.previous->dek;
}

Result<kms::StoredDek> FakeKms::Fetch(const Context& context, std::string_view volume_id) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Read(context, "Fetch"));
  return Answer(volume_id, &Volume::current);
}

Result<kms::StoredDek> FakeKms::FetchPrevious(const Context& context, std::string_view volume_id) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Read(context, "FetchPrevious"));
  return Answer(volume_id, &Volume::previous);
}

Result<std::string> FakeKms::Create(const Context& context,
                                    std::string_view volume_id,
                                    const Secret& dek) {
  absl::MutexLock lock(&mutex_);
  const auto refuse = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return CurrentVersion(volume_id) == 0
               ? OkStatus()
               : AlreadyExists(Cat("volume ", volume_id, " has a DEK in KMS \"", id(), "\""));
  };
  const auto effect =
      [volume = std::string(volume_id), text = std::string(dek.RevealText())](FakeKms& self)
          ABSL_NO_THREAD_SAFETY_ANALYSIS { self.Store(volume, 0, text); };
  RETURN_IF_ERROR(Write(context, "Create", refuse, effect));
  return std::to_string(last_version_);
}

Result<std::string> FakeKms::Replace(const Context& context,
                                     std::string_view volume_id,
                                     std::string_view expected_version,
                                     const Secret& dek) {
  absl::MutexLock lock(&mutex_);
  const int expected = static_cast<int>(ParseUint64(expected_version).value_or(0));
  const auto refuse = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const int current = CurrentVersion(volume_id);
    if (current == 0) {
      return NotFound(Cat("volume ", volume_id, " has no DEK in KMS \"", id(), "\""));
    }
    return current == expected ? OkStatus()
                               : Aborted(Cat("the DEK of volume ", volume_id, " is version ",
                                             current, " by now, not ", expected));
  };
  const auto effect = [volume = std::string(volume_id), text = std::string(dek.RevealText()),
                       expected](FakeKms& self)
                          ABSL_NO_THREAD_SAFETY_ANALYSIS { self.Store(volume, expected, text); };
  RETURN_IF_ERROR(Write(context, "Replace", refuse, effect));
  return std::to_string(last_version_);
}

Status FakeKms::RemovePrevious(const Context& context, std::string_view volume_id) {
  absl::MutexLock lock(&mutex_);
  return Write(context, "RemovePrevious", OkStatus,
               [volume = std::string(volume_id)](FakeKms& self)
                   ABSL_NO_THREAD_SAFETY_ANALYSIS { self.volumes_[volume].previous.reset(); });
}

Status FakeKms::Remove(const Context& context, std::string_view volume_id) {
  absl::MutexLock lock(&mutex_);
  return Write(context, "Remove", OkStatus,
               [volume = std::string(volume_id)](FakeKms& self)
                   ABSL_NO_THREAD_SAFETY_ANALYSIS { self.volumes_.erase(volume); });
}

std::optional<KmsFault> FakeKms::Count(std::string_view method, bool is_write) {
  ++calls_;
  ++calls_by_method_[std::string(method)];
  std::optional<KmsFault> fault;
  if (const auto rule = call_faults_.extract(calls_); !rule.empty()) {
    fault = rule.mapped();
  }
  if (is_write) {
    ++writes_;
    if (const auto rule = write_faults_.extract(writes_); !rule.empty()) {
      fault = rule.mapped();
    }
  }
  if (denied_) {
    fault = KmsFault::kDenied;
  }
  if (down_ || stopped_) {
    fault = KmsFault::kNotDone;
  }
  return fault;
}

Status FakeKms::Read(const Context& context, std::string_view method) {
  RETURN_IF_ERROR(context.Check(method));
  const std::optional<KmsFault> fault = Count(method, false);
  stopped_ = stopped_ || fault == KmsFault::kStops;
  return fault.has_value() ? ErrorOf(*fault, id()) : OkStatus();
}

Status FakeKms::Write(const Context& context,
                      std::string_view method,
                      const std::function<Status()>& refuse,
                      const Effect& effect) {
  RETURN_IF_ERROR(context.Check(method));
  if (on_write_) {
    on_write_();
  }
  const std::optional<KmsFault> fault = Count(method, true);
  if (fault == KmsFault::kNotDone || fault == KmsFault::kDenied) {
    return ErrorOf(*fault, id());
  }
  const Status refused = refuse();
  if (fault == KmsFault::kForgotten) {
    ++last_version_;
    return refused;
  }
  if (refused.ok() && fault == KmsFault::kLandsLater) {
    late_.push_back(effect);
  } else if (refused.ok()) {
    effect(*this);
  }
  stopped_ = stopped_ || fault == KmsFault::kStops;
  return fault.has_value() ? ErrorOf(*fault, id()) : refused;
}

Result<kms::StoredDek> FakeKms::Answer(std::string_view volume_id,
                                       std::optional<Entry> Volume::*which) const {
  const Volumes& volumes = frozen_.has_value() ? *frozen_ : volumes_;
  const auto found = volumes.find(volume_id);
  if (found == volumes.end() || !(found->second.*which).has_value()) {
    return NotFound(Cat("volume ", volume_id, " has no such DEK in KMS \"", id(), "\""));
  }
  const Entry& entry = *(found->second.*which);
  return kms::StoredDek{.dek = Secret(std::string_view(entry.dek)),
                        .version = std::to_string(entry.version)};
}

int FakeKms::CurrentVersion(std::string_view volume_id) const {
  const auto found = volumes_.find(volume_id);
  return found == volumes_.end() || !found->second.current ? 0 : found->second.current->version;
}

void FakeKms::Store(const std::string& volume_id, int expected, const std::string& dek) {
  if (options_.can_compare_and_set && CurrentVersion(volume_id) != expected) {
    return;
  }
  Volume& volume = volumes_[volume_id];
  if (volume.current.has_value() && volume.current->dek != dek) {
    volume.previous = std::move(volume.current);
  }
  volume.current = Entry{.dek = dek, .version = ++last_version_};
}

FakeWrappingKms::FakeWrappingKms(std::string id) : id_(std::move(id)), ring_(NewRing()) {}

void FakeWrappingKms::SetDown(bool down) {
  absl::MutexLock lock(&mutex_);
  down_ = down;
}

void FakeWrappingKms::SetDenied(bool denied) {
  absl::MutexLock lock(&mutex_);
  denied_ = denied;
}

void FakeWrappingKms::RotateKek() {
  absl::MutexLock lock(&mutex_);
  RBDCRYPT_CHECK(ring_.AddVersion(256, AnyTime()).ok());
}

void FakeWrappingKms::PruneKek(std::uint32_t version) {
  absl::MutexLock lock(&mutex_);
  RBDCRYPT_CHECK(ring_.Prune(version).ok());
}

Status FakeWrappingKms::DestroyKek(const Context& context, std::uint32_t version) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Check(context));
  return ring_.Prune(version);
}

std::uint32_t FakeWrappingKms::kek() const {
  absl::MutexLock lock(&mutex_);
  return ring_.Versions().back().number;
}

Result<std::uint32_t> FakeWrappingKms::KekOf(const Context& context,
                                             std::string_view wrapped) const {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Check(context));
  ASSIGN_OR_RETURN(const kms::LocalText text, kms::ParseLocalText(wrapped));
  if (text.ring_id != ring_.id()) {
    return FailedPrecondition(Cat("KMS \"", id_, "\" does not know the key of that text"));
  }
  return text.key_version;
}

int FakeWrappingKms::wraps() const {
  absl::MutexLock lock(&mutex_);
  return wraps_;
}

int FakeWrappingKms::unwraps() const {
  absl::MutexLock lock(&mutex_);
  return unwraps_;
}

Result<std::string> FakeWrappingKms::WrapDek(const Context& context,
                                             std::string_view volume_id,
                                             const Secret& dek) {
  absl::MutexLock lock(&mutex_);
  ++wraps_;
  RETURN_IF_ERROR(Check(context));
  return ring_.Wrap(volume_id, dek);
}

Result<Secret> FakeWrappingKms::UnwrapDek(const Context& context,
                                          std::string_view volume_id,
                                          std::string_view wrapped) {
  absl::MutexLock lock(&mutex_);
  ++unwraps_;
  RETURN_IF_ERROR(Check(context));
  return ring_.Unwrap(volume_id, wrapped);
}

Status FakeWrappingKms::Check(const Context& context) const {
  RETURN_IF_ERROR(context.Check("ask the KMS"));
  if (down_) {
    return NoAnswer(id_);
  }
  return denied_ ? SaysNo(id_) : OkStatus();
}

}  // namespace rbdcrypt::testing
