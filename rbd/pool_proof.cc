// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/pool_proof.h"

namespace rbdcrypt::rbd {
namespace {

using Outcome = VolumeProof::Outcome;

class PoolProving {
 public:
  PoolProving(Pool& pool,
              const VolumeProver& prover,
              const PoolProofOptions& options,
              const OnProof& on_proof)
      : pool_(pool), prover_(prover), options_(options), on_proof_(on_proof) {}

  PoolProof Run(const Context& context) {
    proof_.status =
        ForEachEncryptedImage(context, pool_, options_.images,
                              [this](const Context& each, const EncryptedImage& found,
                                     Image* image) { return WorkOn(each, found, image); });
    return proof_;
  }

 private:
  InOrderReport WorkOn(const Context& context, const EncryptedImage& found, Image* image) {
    if (!IsWanted(found)) {
      const bool is_unknown = found.role == ImageRole::kUnknown && !found.wrapped_dek.empty();
      return [this, is_unknown] {
        proof_.unknown += is_unknown ? 1 : 0;
        return OkStatus();
      };
    }
    const VolumeProof proof = prover_.Prove(context.WithTimeout(options_.timeout), found, image);
    if (proof.outcome == Outcome::kFailed && IsGone(found.listed)) {
      return OkStatus;
    }
    return [this, found, proof] { return Count(found, proof); };
  }

  // A delete in between took its DEK: its turn comes in the trash, if it is still there by then.
  bool IsGone(const ListedImage& listed) {
    const Status opened = listed.trash_id.empty()
                              ? pool_.images().Open(listed.name, OpenMode::kReadOnly).status()
                              : pool_.images().OpenTrashed(listed.trash_id).status();
    return opened.code() == Code::kNotFound;
  }

  // Where the journal cannot be read, it may name this key manager.
  bool IsWanted(const EncryptedImage& found) const {
    if (found.role == ImageRole::kUnknown && !found.status.ok()) {
      return true;
    }
    const bool has_kms =
        found.kms_id == options_.kms_id || (options_.kms_id.empty() && !found.kms_id.empty());
    return has_kms && (options_.tenant.empty() || found.owner == options_.tenant);
  }

  // On the calling thread.
  Status Count(const EncryptedImage& found, const VolumeProof& proof) {
    switch (proof.outcome) {
      case Outcome::kProven:
        ++proof_.proven;
        return OkStatus();
      case Outcome::kLeftOut:
        ++proof_.left_out[proof.reason];
        return OkStatus();
      case Outcome::kNoAnswer:
        return proof.status;
      case Outcome::kPreviousDek:
        ++proof_.previous_dek;
        break;
      case Outcome::kUnfinished:
        ++proof_.unfinished;
        break;
      case Outcome::kFailed:
        ++proof_.failed;
        break;
    }
    on_proof_(found, proof);
    return OkStatus();
  }

  Pool& pool_;
  const VolumeProver& prover_;
  const PoolProofOptions& options_;
  const OnProof& on_proof_;
  PoolProof proof_;
};

}  // namespace

PoolProof ProvePool(const Context& context,
                    Pool& pool,
                    const VolumeProver& prover,
                    const PoolProofOptions& options,
                    const OnProof& on_proof) {
  return PoolProving(pool, prover, options, on_proof).Run(context);
}

}  // namespace rbdcrypt::rbd
