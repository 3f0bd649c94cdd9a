// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>

#include "base/context.h"
#include "base/status.h"
#include "kms/registry.h"
#include "rbd/encrypted_images.h"
#include "rbd/image.h"

namespace rbdcrypt::rbd {

// How far a proof goes: the DEK can be had; and it opens the header, of an image that has one.
enum class ProofDepth { kDek, kHeader };

// Whether one volume or snapshot could be used now, as far as its key goes.
struct VolumeProof {
  enum class Outcome {
    // It could.
    kProven,
    // It could, but its header answers to the DEK before the current one: a lagging mirror, a
    // rollback, a raw snapshot (safety C).
    kPreviousDek,
    // It has no DEK and needs none: it is being made, or its delete took the DEK before it purges
    // the image from the trash (safety B3).
    kUnfinished,
    // Not asked: what it needs comes with each request, or this driver does not serve it.
    kLeftOut,
    // It could not, and `status` says why.
    kFailed,
    // Nobody can say: the key manager does not answer.
    kNoAnswer,
  };

  Outcome outcome = Outcome::kProven;
  // Of kFailed and kNoAnswer. Codes of a key as everywhere: kNotFound, kPermissionDenied,
  // kInvalidArgument, kDataLoss, kUnauthenticated; kNoAnswer is a transient one.
  Status status = OkStatus();
  // Of kUnfinished and kLeftOut: why, for a person.
  std::string reason = {};
};

// Proves that volumes and snapshots have their DEKs, by the way that staging them would go: the key
// manager's entry of the journal, opened as the volume's tenant, and its store or the image's
// metadata, whichever that key manager uses. Reads alone: no lock, no watch, no repair (safety G5).
// Thread safe; references must outlive it.
class VolumeProver {
 public:
  // `secrets`: those that would come with a request, as far as there are any.
  VolumeProver(kms::Registry& kms, const kms::RequestSecrets& secrets, ProofDepth depth)
      : kms_(kms), secrets_(secrets), depth_(depth) {}

  // `found` must be a volume or a snapshot with a KMS ID, or one that cannot be read; `image` is
  // it, open, or null in that last case.
  VolumeProof Prove(const Context& context, const EncryptedImage& found, Image* image) const;

 private:
  VolumeProof ProveWith(const Context& context,
                        kms::Kms& kms,
                        const EncryptedImage& found,
                        Image& image) const;

  kms::Registry& kms_;
  const kms::RequestSecrets& secrets_;
  const ProofDepth depth_;
};

}  // namespace rbdcrypt::rbd
