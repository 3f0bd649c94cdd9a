// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "kms/dek_store.h"

namespace rbdcrypt::rbd {

// The DEKs of one volume as its store held them a moment ago. The previous one is fetched when it
// is first asked for: most questions need the current one alone. One thread per object; the store
// must outlive it.
class StoredDeks {
 public:
  // Errors of DekStore::Fetch.
  static Result<StoredDeks> Fetch(const Context& context,
                                  kms::DekStore& store,
                                  std::string_view volume_id);

  const Secret& current() const { return current_.dek; }

  const std::string& version() const { return current_.version; }

  // The previous DEK, or null where none is kept or none can be used: one whose KEK is gone, or
  // that came with a clone's metadata and was wrapped for its source. Errors of
  // DekStore::FetchPrevious but for kNotFound and kDataLoss.
  Result<const Secret*> Previous(const Context& context);

 private:
  StoredDeks(kms::DekStore& store, std::string_view volume_id, kms::StoredDek current)
      : store_(&store), volume_id_(volume_id), current_(std::move(current)) {}

  kms::DekStore* store_;
  std::string volume_id_;
  kms::StoredDek current_;
  bool is_previous_known_ = false;
  std::optional<Secret> previous_;
};

}  // namespace rbdcrypt::rbd
