// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/volume_dek_store.h"

#include "rbd/metadata_dek_store.h"

namespace rbdcrypt::rbd {
namespace {

std::unique_ptr<kms::DekStore> MetadataStoreFor(Image& image, kms::Kms& kms) {
  if (kms.wrapper() == nullptr) {
    return nullptr;
  }
  return std::make_unique<MetadataDekStore>(image, *kms.wrapper(), kms.id());
}

kms::DekStore& TheStore(kms::DekStore* of_metadata, kms::Kms& kms) {
  kms::DekStore* const store = of_metadata != nullptr ? of_metadata : kms.store();
  RBDCRYPT_CHECK(store != nullptr);  // kms/kms.h: one of both there is.
  return *store;
}

}  // namespace

VolumeDekStore::VolumeDekStore(Image& image, kms::Kms& kms)
    : kms_(kms),
      of_metadata_(MetadataStoreFor(image, kms)),
      store_(TheStore(of_metadata_.get(), kms)) {}

bool VolumeDekStore::MayBeOverwrittenLate() const {
  return of_metadata_ == nullptr && !store_.CanCompareAndSet() && !kms_.is_shared_passphrase();
}

}  // namespace rbdcrypt::rbd
