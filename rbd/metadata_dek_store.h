// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include "kms/kms.h"
#include "rbd/image.h"

namespace rbdcrypt::rbd {

// The DEK store of providers that only wrap: the wrapped DEK lives in the image's own metadata
// (ceph-csi-compat 5.1, 6.10), the previous one beside it under our own key.
//
//   key                          read                      written
//   rbd.csi.ceph.com/dek         first                     Create, Replace
//   .rbd.csi.ceph.com/dek        where the first is not    never; Remove removes it
//   rbdcrypt/dek-previous        FetchPrevious             Replace, in one operation with the first
//
// An empty value is what ceph-csi's reads leave and means "none". Reading never writes. A version
// is the SHA-256 of the stored text in hex. Cannot compare and set: metadata has no such operation,
// the volume lock is what keeps writers apart. One thread per object; `image` and `wrapper` must
// outlive it. For contract and errors see kms::DekStore.
class MetadataDekStore final : public kms::DekStore {
 public:
  MetadataDekStore(Image& image, kms::DekWrapper& wrapper, std::string kms_id);

  bool CanCompareAndSet() const override { return false; }

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
  Result<std::string> WrappedText(std::string_view volume_id);
  Result<kms::StoredDek> Unwrap(const Context& context,
                                std::string_view volume_id,
                                const std::string& text);

  Image& image_;
  kms::DekWrapper& wrapper_;
  std::string kms_id_;
};

}  // namespace rbdcrypt::rbd
