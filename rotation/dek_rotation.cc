// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/dek_rotation.h"

#include <string_view>
#include <utility>

#include "base/crash_point.h"
#include "base/log.h"
#include "base/strings.h"
#include "rbd/encrypted_volume.h"
#include "rbd/stored_deks.h"
#include "rbd/volume_dek_store.h"
#include "rotation/fence.h"
#include "rotation/records.h"

namespace rbdcrypt::rotation {
namespace {

using rbd::KeyslotHolds;
using std::chrono::seconds;

// More steps than the longest way through the table takes, which is nine.
constexpr int kMaxSteps = 16;

// A DEK that this run sent to the store, and how that was answered.
struct Sent {
  Secret dek;
  Status answer;
};

// One run.
class DekRotation {
 public:
  DekRotation(const Context& context, const RotatingVolume& volume, const RotationOptions& options)
      : context_(context),
        volume_(volume),
        options_(options),
        store_(volume.image, volume.kms),
        records_(volume.image),
        fence_({.image = volume.image,
                .store = store_,
                .lock = volume.lock,
                .records = records_,
                .volume_id = volume.volume_id,
                .grace = options.orphan_grace}) {}

  Result<RotationReport> Run();

 private:
  Status CheckRotatable();
  Status Look();
  Status CheckSentIsStored();
  bool IsDone() const;
  Status Take(const Move& move);
  Status RestorePrevious();
  Status AddNew();
  Status StoreNew();
  Status Drop(int slot);
  Status DropUnexplained(int slot);
  Status CheckNothingIsPushedOut();
  Status Send(const Secret& dek);
  Status Finish();
  void SettlePrevious();
  Result<PreviousDek> RemovePrevious();
  Status Landed(Status status);
  Status WrongKey() const;
  void ReportPrevious() const;

  seconds Now() const { return rbd::UnixTime(context_.clock()); }

  const Context& context_;
  const RotatingVolume& volume_;
  const RotationOptions& options_;
  rbd::VolumeDekStore store_;
  Records records_;
  StoreFence fence_;
  // What an earlier run began, or this one.
  std::optional<RotationRecord> record_;
  // The new DEK, from its keyslot on to the end.
  std::optional<Secret> fresh_;
  std::optional<Sent> sent_;
  std::optional<rbd::StoredDeks> deks_;
  rbd::KeyslotSurvey found_;
  RotationReport report_;
};

Result<RotationReport> DekRotation::Run() {
  RETURN_IF_ERROR(CheckRotatable());
  ASSIGN_OR_RETURN(record_, records_.Begun());
  for (int step = 0; step < kMaxSteps; ++step) {
    RETURN_IF_ERROR(context_.Check("rotate its DEK"));
    RETURN_IF_ERROR(Look());
    const Move move = options_.next_move(found_, IsDone());
    RETURN_IF_ERROR(Take(move));
    if (move.step == Step::kFinish) {
      return report_;
    }
  }
  return Aborted(Cat("its keyslots did not come to rest within ", kMaxSteps, " steps"));
}

Status DekRotation::CheckRotatable() {
  if (volume_.kms.is_shared_passphrase()) {
    return FailedPrecondition(
        "its passphrase is one for all volumes and cannot be replaced for one of them; migrate it "
        "to a key manager with DEKs of their own first");
  }
  ASSIGN_OR_RETURN(const rbd::EncryptionState state, rbd::ReadEncryptionState(volume_.image));
  switch (state) {
    case rbd::EncryptionState::kEncrypted:
      return OkStatus();
    case rbd::EncryptionState::kPrepared:
      return FailedPrecondition(
          "it has no LUKS header yet, its first stage makes one; there is no "
          "DEK in use to replace");
    case rbd::EncryptionState::kNone:
      break;
  }
  return FailedPrecondition("it is not encrypted: there is no DEK to replace");
}

// Reads store and header. The store first: a header that is read later has all that was added for
// the DEK that the store told.
Status DekRotation::Look() {
  ASSIGN_OR_RETURN(deks_, rbd::StoredDeks::Fetch(context_, *store_, volume_.volume_id));
  RETURN_IF_ERROR(CheckSentIsStored());
  RETURN_IF_ERROR(volume_.keyslots.Load(context_));
  ASSIGN_OR_RETURN(found_, rbd::SurveyKeyslots(context_, volume_.keyslots, *deks_,
                                               fresh_.has_value() ? &*fresh_ : nullptr));
  report_.other_keyslots = found_.others;
  return OkStatus();
}

// Safety B5, and step 3: the bytes that the store has are those that were sent, whatever it said.
Status DekRotation::CheckSentIsStored() {
  if (!sent_.has_value() || SameSecret(sent_->dek, deks_->current())) {
    return OkStatus();
  }
  if (!sent_->answer.ok()) {
    return Annotate(sent_->answer, "store a DEK");
  }
  return Unavailable(
      "the key manager said that it stored a DEK, and does not have it; the one before "
      "it is kept and opens the volume");
}

// Whether the current DEK is this rotation's, or that of an earlier one that it takes up.
bool DekRotation::IsDone() const {
  if (fresh_.has_value()) {
    return SameSecret(*fresh_, deks_->current());
  }
  const std::optional<int> slot = found_.Find(KeyslotHolds::kCurrent);
  return record_.has_value() && slot.has_value() &&
         found_.slot(*slot).info.fingerprint == record_->fingerprint &&
         Now() - record_->made_at <= options_.resume_within;
}

Status DekRotation::Take(const Move& move) {
  LogDebug("rotation_step", {{"volume", volume_.volume_id},
                             {"step", std::string(StepName(move.step))},
                             {"request_id", context_.request_id()}});
  switch (move.step) {
    case Step::kWrongKey:
      return WrongKey();
    case Step::kRestorePrevious:
      return RestorePrevious();
    case Step::kStoreNew:
      return StoreNew();
    case Step::kDropSecond:
      ++report_.dropped_second;
      return Drop(move.slot);
    case Step::kDropOld:
      return Drop(move.slot);
    case Step::kDropUnexplained:
      return DropUnexplained(move.slot);
    case Step::kAddNew:
      return AddNew();
    case Step::kFinish:
      return Finish();
  }
  return Internal("no such step");
}

Status DekRotation::WrongKey() const {
  return Unauthenticated(
      "neither the current nor the previous DEK opens its LUKS header; nothing was written; "
      "restore the DEK that belongs to the header, an older version in the key manager or a backup "
      "of it");
}

// Of a write to the image. One that got no answer may land when the lock is another's already: so
// the lock is left as by one who died, and its next holder fences this connection first.
Status DekRotation::Landed(Status status) {
  if (status.code() == Code::kUnavailable) {
    volume_.lock.LeaveBehind();
  }
  return status;
}

// Ok: what became of it shows when the store is read next. An error: a refusal, after which the DEK
// is not stored, nor will be.
Status DekRotation::Send(const Secret& dek) {
  sent_ = Sent{.dek = dek.Clone(), .answer = {}};
  sent_->answer = fence_.Send(context_, deks_->version(), dek);
  const bool is_in_the_image = volume_.kms.wrapper() != nullptr;
  if (is_in_the_image) {
    sent_->answer = Landed(sent_->answer);
  }
  return IsTransient(sent_->answer) ? OkStatus() : sent_->answer;
}

// The header needs the previous DEK: with it as the current one, what follows is any rotation, and
// the new DEK does not push it out.
Status DekRotation::RestorePrevious() {
  report_.started_from_previous = true;
  ReportPrevious();
  ASSIGN_OR_RETURN(const Secret* const previous, deks_->Previous(context_));
  RETURN_IF_ERROR(Send(*previous));
  return sent_->answer.ok() ? AfterEffect("rotation.previous-restored", OkStatus()) : OkStatus();
}

void DekRotation::ReportPrevious() const {
  LogWarn("rotated_from_previous_dek", {{"volume", volume_.volume_id},
                                        {"kms_id", volume_.kms.id()},
                                        {"request_id", context_.request_id()}});
  if (options_.metrics != nullptr) {
    options_.metrics->CountEvent("rotated_from_previous_dek");
  }
}

Status DekRotation::CheckNothingIsPushedOut() {
  ASSIGN_OR_RETURN(const bool has_snapshots, volume_.image.HasSnapshots());
  if (!has_snapshots) {
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const Secret* const previous, deks_->Previous(context_));
  if (previous == nullptr) {
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> needing,
                   volume_.snapshots.NotOpenedBy(context_, deks_->current(), previous));
  if (needing.empty()) {
    return OkStatus();
  }
  return FailedPrecondition(Cat("snapshots of its image (", Join(needing, ", "),
                                ") answer to the previous DEK alone, which a new one would push ",
                                "out of the store; nothing was changed; remove them first"));
}

// The keyslot is proven by the next look: the DEK opens it, by number, in the header on the image.
Status DekRotation::AddNew() {
  if (fresh_.has_value()) {
    return Aborted("the new keyslot is not in its header any more: somebody else writes there");
  }
  RETURN_IF_ERROR(fence_.CheckMaySend(context_));
  RETURN_IF_ERROR(CheckNothingIsPushedOut());
  ASSIGN_OR_RETURN(const std::optional<seconds> made_at, records_.DekMadeAt());
  if (made_at.has_value()) {
    report_.old_dek_age = Now() - *made_at;
  }
  report_.old_dek_opens_another = found_.other_with_current.has_value();
  ASSIGN_OR_RETURN(fresh_, kms::NewDek(volume_.kms.dek_bytes()));
  ASSIGN_OR_RETURN(const rbd::KeyslotInfo slot,
                   volume_.keyslots.Add(context_, deks_->current(), *fresh_));
  record_ = RotationRecord{.fingerprint = slot.fingerprint, .made_at = Now()};
  RETURN_IF_ERROR(volume_.lock.EnsureHeld());
  RETURN_IF_ERROR(AfterEffect("rotation.begun", Landed(records_.Begin(*record_))));
  RETURN_IF_ERROR(volume_.lock.EnsureHeld());
  return AfterEffect("rotation.keyslot-added", Landed(volume_.keyslots.Commit(context_)));
}

Status DekRotation::StoreNew() {
  RETURN_IF_ERROR(Send(*fresh_));
  return sent_->answer.ok() ? AfterEffect("rotation.dek-stored", OkStatus()) : OkStatus();
}

// Only beside a keyslot that the current DEK opened since this header was loaded; Commit() fails if
// anybody wrote to it since.
Status DekRotation::Drop(int slot) {
  const bool is_only_one = found_.slot(slot).holds == KeyslotHolds::kCurrent &&
                           found_.Count(KeyslotHolds::kCurrent) == 1;
  if (is_only_one || !found_.current_opens()) {
    return Internal(Cat("keyslot ", slot, " is the one that its DEK opens, and is kept"));
  }
  RETURN_IF_ERROR(volume_.keyslots.Drop(slot));
  RETURN_IF_ERROR(volume_.lock.EnsureHeld());
  return AfterEffect("rotation.keyslot-dropped", Landed(volume_.keyslots.Commit(context_)));
}

Status DekRotation::DropUnexplained(int slot) {
  const rbd::KeyslotInfo& info = found_.slot(slot).info;
  const bool is_of_this_driver = record_.has_value() && record_->fingerprint == info.fingerprint;
  ASSIGN_OR_RETURN(const bool is_excluded,
                   fence_.Exclude(context_, info, is_of_this_driver, *deks_));
  if (!is_excluded) {
    return OkStatus();
  }
  ++report_.dropped_unexplained;
  return Drop(slot);
}

Status DekRotation::Finish() {
  const std::optional<int> slot = found_.Find(KeyslotHolds::kCurrent);
  if (!slot.has_value() || !record_.has_value()) {
    return Internal("a rotation cannot end without its keyslot");
  }
  RETURN_IF_ERROR(volume_.lock.EnsureHeld());
  RETURN_IF_ERROR(Landed(records_.SetTimes(record_->made_at, Now())));
  RETURN_IF_ERROR(Landed(records_.End()));
  report_.keyslot = *slot;
  report_.has_new_dek = fresh_.has_value();
  SettlePrevious();
  return OkStatus();
}

// Whatever comes of it, the volume is rotated: what stays is told.
void DekRotation::SettlePrevious() {
  const Result<PreviousDek> settled = RemovePrevious();
  if (settled.ok()) {
    report_.previous = *settled;
    return;
  }
  report_.previous = PreviousDek::kNotRemoved;
  report_.previous_reason = Message(settled.status());
  LogWarn("previous_dek_stays", {{"volume", volume_.volume_id},
                                 {"kms_id", volume_.kms.id()},
                                 {"reason", report_.previous_reason},
                                 {"request_id", context_.request_id()}});
}

Result<PreviousDek> DekRotation::RemovePrevious() {
  if (options_.previous_deks > 0) {
    return PreviousDek::kKept;
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> needing,
                   volume_.snapshots.NotOpenedBy(context_, deks_->current(), /*other=*/nullptr));
  if (!needing.empty()) {
    report_.previous_reason = Join(needing, ", ");
    return PreviousDek::kKeptForSnapshots;
  }
  RETURN_IF_ERROR(volume_.lock.EnsureHeld());
  RETURN_IF_ERROR(AfterEffect("rotation.previous-removed",
                              store_->RemovePrevious(context_, volume_.volume_id)));
  return PreviousDek::kRemoved;
}

}  // namespace

Result<RotationReport> Rotate(const Context& context,
                              const RotatingVolume& volume,
                              const RotationOptions& options) {
  Result<RotationReport> report = DekRotation(context, volume, options).Run();
  if (!report.ok()) {
    return Annotate(report.status(),
                    Cat("volume ", volume.volume_id, ", KMS ", volume.kms.id(), ": rotation"));
  }
  return report;
}

}  // namespace rbdcrypt::rotation
