// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>

#include "kms/kms.h"
#include "rbd/image.h"

namespace rbdcrypt::rbd {

// Where the DEKs of one volume are: in its key manager, or, where that only wraps them, in the
// image's metadata. Decided by the key manager and never by which metadata keys there are (safety
// B8). One thread per object; image and key manager must outlive it.
class VolumeDekStore {
 public:
  VolumeDekStore(Image& image, kms::Kms& kms);

  kms::DekStore& operator*() const { return store_; }

  kms::DekStore* operator->() const { return &store_; }

  // Whether a write that got no answer may take the place of a later one (safety B5). Image
  // metadata is none such: who was fenced off the image writes nothing there any more.
  bool MayBeOverwrittenLate() const;

 private:
  kms::Kms& kms_;
  // Set where the KMS only wraps.
  std::unique_ptr<kms::DekStore> of_metadata_;
  kms::DekStore& store_;
};

}  // namespace rbdcrypt::rbd
