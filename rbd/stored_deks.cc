// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/stored_deks.h"

#include <utility>

namespace rbdcrypt::rbd {

Result<StoredDeks> StoredDeks::Fetch(const Context& context,
                                     kms::DekStore& store,
                                     std::string_view volume_id) {
  ASSIGN_OR_RETURN(kms::StoredDek current, store.Fetch(context, volume_id));
  return StoredDeks(store, volume_id, std::move(current));
}

Result<const Secret*> StoredDeks::Previous(const Context& context) {
  if (!is_previous_known_) {
    Result<kms::StoredDek> previous = store_->FetchPrevious(context, volume_id_);
    const Code code = previous.status().code();
    if (!previous.ok() && code != Code::kNotFound && code != Code::kDataLoss) {
      return previous.status();
    }
    // A replacement between both reads leaves the same DEK in both.
    if (previous.ok() && !SameSecret(previous->dek, current_.dek)) {
      previous_ = std::move(previous->dek);
    }
    is_previous_known_ = true;
  }
  return previous_.has_value() ? &*previous_ : nullptr;
}

}  // namespace rbdcrypt::rbd
