// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/volume_proof.h"

#include <memory>
#include <utility>

#include "base/strings.h"
#include "rbd/encrypted_volume.h"
#include "rbd/names.h"

namespace rbdcrypt::rbd {
namespace {

using Outcome = VolumeProof::Outcome;

VolumeProof Failed(Status status) {
  return {.outcome = Outcome::kFailed, .status = std::move(status)};
}

VolumeProof LeftOut(std::string reason) {
  return {.outcome = Outcome::kLeftOut, .reason = std::move(reason)};
}

// Of an error of the key manager, whose transient ones say nothing about the volume.
VolumeProof Unproven(Status status) {
  const Outcome outcome = IsTransient(status) ? Outcome::kNoAnswer : Outcome::kFailed;
  return {.outcome = outcome, .status = std::move(status)};
}

bool HasNoState(const EncryptedImage& found) {
  return found.state.ok() && *found.state == EncryptionState::kNone;
}

// Where nothing needs a DEK yet or any more, a missing one is no failure; one that cannot be
// unwrapped is.
VolumeProof Missing(kms::Kms& kms, const EncryptedImage& found, Status status) {
  const bool is_trashed = !found.listed.trash_id.empty();
  const bool has_dek = kms.wrapper() != nullptr && !found.wrapped_dek.empty();
  if (has_dek || !(is_trashed || HasNoState(found))) {
    return Failed(std::move(status));
  }
  return {.outcome = Outcome::kUnfinished,
          .reason = is_trashed ? "in the trash, its DEK removed: its delete has not ended"
                               : "no DEK and no state yet: its creation has not ended"};
}

// What the fetch of the current DEK says; another look tells whether the previous one is left.
VolumeProof NoDek(const Context& context,
                  kms::Kms& kms,
                  EncryptedVolume& volume,
                  const EncryptedImage& found,
                  Status status) {
  VolumeProof proof = status.code() == Code::kNotFound ? Missing(kms, found, std::move(status))
                                                       : Unproven(std::move(status));
  if (proof.outcome == Outcome::kFailed) {
    const Result<bool> has_previous = volume.HasPreviousDek(context);
    if (has_previous.ok() && *has_previous) {
      proof.status = MakeStatus(
          proof.status.code(),
          Cat(Message(proof.status), "; only the DEK before it can be had, which a stage does not ",
              "take in its place: if the header answers to it, make it the current one again"));
    }
  }
  return proof;
}

}  // namespace

VolumeProof VolumeProver::Prove(const Context& context,
                                const EncryptedImage& found,
                                Image* image) const {
  if (image == nullptr) {
    return Failed(Annotate(found.status, "the image or its journal cannot be read"));
  }
  if (found.encryption_type == kEncryptionTypeFile) {
    return LeftOut("of encryptionType file (fscrypt), which this driver does not serve");
  }
  const Result<std::shared_ptr<kms::Kms>> kms =
      kms_.Open(context, {.kms_id = found.kms_id, .tenant = found.owner, .secrets = secrets_});
  if (!kms.ok()) {
    return Unproven(kms.status());
  }
  if ((*kms)->identity() == kms::Kms::Identity::kRequest && secrets_.empty()) {
    return LeftOut("their DEKs need the StorageClass's Secret, which comes with each call");
  }
  return ProveWith(context, **kms, found, *image);
}

VolumeProof VolumeProver::ProveWith(const Context& context,
                                    kms::Kms& kms,
                                    const EncryptedImage& found,
                                    Image& image) const {
  EncryptedVolume volume(image, kms, found.volume_id);
  Result<Secret> dek = volume.FetchDek(context);
  if (!dek.ok()) {
    return NoDek(context, kms, volume, found, dek.status());
  }
  if (!found.state.ok()) {
    return Failed(found.state.status());
  }
  if (depth_ == ProofDepth::kDek || *found.state != EncryptionState::kEncrypted) {
    return {};
  }
  const Result<OpenedHeader> opened = volume.OpenFetched(context, *std::move(dek));
  if (!opened.ok()) {
    return Failed(opened.status());
  }
  return {.outcome = opened->is_previous ? Outcome::kPreviousDek : Outcome::kProven};
}

}  // namespace rbdcrypt::rbd
